// The secret that a reader has to show, compared so that the time taken tells nothing about it.

struct Token: Sendable {
  private let bytes: [UInt8]
  private let length: Int

  /// Nil if it is empty, too long, or could not stand in a header.
  init?(_ secret: [UInt8]) {
    guard (1...ServerOptions.longestToken).contains(secret.count), secret.allSatisfy({ (0x21...0x7E).contains($0) })
    else { return nil }
    bytes = Self.padded(secret)
    length = secret.count
  }

  /// Takes the same time whatever is presented: all the places are looked at, however long either is.
  func matches(_ presented: some Collection<UInt8>) -> Bool {
    let other = Self.padded(presented)
    var difference = UInt(bitPattern: length ^ presented.count)
    for place in 0..<ServerOptions.longestToken { difference |= UInt(bytes[place] ^ other[place]) }
    return difference == 0
  }

  private static func padded(_ secret: some Collection<UInt8>) -> [UInt8] {
    var result = [UInt8](repeating: 0, count: ServerOptions.longestToken)
    for (place, byte) in secret.prefix(result.count).enumerated() { result[place] = byte }
    return result
  }
}
