// The names by which a browser on this machine calls this machine. A foreign page whose name was made to point here
// (DNS rebinding) still calls the server by its own name.

enum HostName {
  /// Whether a Host header names the loopback interface: `localhost`, 127.0.0.0/8 or `[::1]`, with or without a port.
  static func isLoopback(_ host: String) -> Bool {
    guard let name = withoutPort(host) else { return false }
    return name == "[::1]" || name.lowercased() == "localhost" || isLoopbackIPv4(name)
  }

  /// The same of an address to listen on.
  static func isLoopback(address: String) -> Bool {
    address == "::1" || isLoopbackIPv4(address[...])
  }

  private static func isLoopbackIPv4(_ name: Substring) -> Bool {
    let parts = name.utf8.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
    return parts.count == 4 && parts[0].elementsEqual("127".utf8)
      && parts.allSatisfy { part in part.allSatisfy(isDigit) && UInt8(Substring(part)) != nil }
  }

  /// Nil if it is not a name and perhaps a port.
  private static func withoutPort(_ host: String) -> Substring? {
    let end = host.hasPrefix("[") ? host.firstIndex(of: "]").map { host.index(after: $0) } : host.firstIndex(of: ":")
    guard let end else { return host.hasPrefix("[") ? nil : host[...] }
    let port = host[end...]
    guard port.isEmpty || port.hasPrefix(":") && port.utf8.dropFirst().allSatisfy(isDigit) else { return nil }
    return host[..<end]
  }

  private static func isDigit(_ byte: UInt8) -> Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) }
}
