// Where a server listens, as the command line spells it.
internal import ArgumentParser
internal import Glibc
internal import Serving

/// Why nobody can connect.
struct ListenError: Error, CustomStringConvertible {
  var cause: ServerFailure

  var description: String { "\(cause); name another address with --listen" }
}

/// An address such as `127.0.0.1:9464` or `[::1]:9464`. Without a host, and for `localhost`, it is 127.0.0.1: no name
/// is looked up, so that nobody but the user says who can connect.
struct ListenAddress: ExpressibleByArgument {
  /// Numeric.
  var host: String
  /// 0: any that is free.
  var port: UInt16

  init?(argument: String) {
    guard let colon = argument.lastIndex(of: ":"), let port = UInt16(argument[argument.index(after: colon)...]) else {
      return nil
    }
    self.port = port
    var host = String(argument[..<colon])
    if host.hasPrefix("["), host.hasSuffix("]") {
      host = String(host.dropFirst().dropLast())
      var address = in6_addr()
      guard unsafe inet_pton(AF_INET6, host, &address) == 1 else { return nil }
    } else {
      if host == "" || host == "localhost" { host = "127.0.0.1" }
      var address = in_addr()
      guard unsafe inet_pton(AF_INET, host, &address) == 1 else { return nil }
    }
    self.host = host
  }

  /// Only processes of this machine can connect.
  var isLoopback: Bool {
    if host.contains(":") {
      var address = in6_addr()
      guard unsafe inet_pton(AF_INET6, host, &address) == 1 else { return false }
      return unsafe withUnsafeBytes(of: address) { unsafe $0.dropLast().allSatisfy { $0 == 0 } && $0.last == 1 }
    }
    return host.hasPrefix("127.")
  }

  var defaultValueDescription: String { text }

  var text: String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }
}
