// Foreign text inside a JSON string: whatever a process calls itself or its fibrils, the file stays valid and shows
// what it says.

enum JSONText {
  /// Longest text that is taken over, in bytes of UTF-8 before escaping.
  static let limit = 128

  /// The inside of a JSON string literal, without the quotes. Viewers show escapes literally, so only what JSON demands
  /// is escaped; controls that would turn the text around or steer a terminal are replaced.
  static func escape(_ text: String) -> [UInt8] {
    var result: [UInt8] = []
    var taken = 0
    for scalar in text.unicodeScalars {
      taken += UTF8.width(scalar)
      if taken > limit {
        result.append(contentsOf: "…".utf8)
        break
      }
      switch scalar.value {
      case 0x22, 0x5C: result.append(contentsOf: [UInt8(ascii: "\\"), UInt8(scalar.value)])
      case 0..<0x20, 0x7F:
        result.append(contentsOf: "\\u00".utf8)
        result.append(hexadecimal(scalar.value >> 4))
        result.append(hexadecimal(scalar.value & 15))
      case 0x80..<0xA0, 0x061C, 0x200E, 0x200F, 0x2028...0x202E, 0x2066...0x2069:
        result.append(contentsOf: "\u{FFFD}".utf8)
      default: result.append(contentsOf: UTF8.encode(scalar)!)
      }
    }
    return result
  }

  private static func hexadecimal(_ digit: UInt32) -> UInt8 {
    UInt8(truncatingIfNeeded: digit < 10 ? 0x30 + digit : 0x61 + digit - 10)
  }
}
