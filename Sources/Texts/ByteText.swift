// Text under construction, as bytes: a dump of many fibrils is megabytes long, and interpolated
// strings would take most of its time.

/// UTF-8 text that grows at its end.
public struct ByteText: Sendable {
  public private(set) var bytes: [UInt8] = []

  public init() {}
  public init(own text: String) { append(own: text) }
  public init(foreign text: String) { append(foreign: text) }

  public mutating func reserveCapacity(_ count: Int) { bytes.reserveCapacity(count) }

  public mutating func append(_ text: StaticString) {
    // Safe: the bytes of a literal, which are only copied.
    text.withUTF8Buffer { unsafe bytes.append(contentsOf: $0) }
  }

  public mutating func append(_ text: ByteText) { bytes += text.bytes }

  public mutating func append(bytes more: ArraySlice<UInt8>) { bytes += more }

  /// Text that this program made itself.
  public mutating func append(own text: String) { bytes += text.utf8 }

  /// Text out of another process: what could move a terminal's cursor or turn text around is
  /// replaced.
  public mutating func append(foreign text: String) {
    if text.utf8.allSatisfy({ (0x20..<0x7f).contains($0) }) { return append(own: text) }
    for scalar in text.unicodeScalars {
      switch scalar.value {
      case 0..<0x20, 0x7f...0x9f, 0x200e, 0x200f, 0x2028...0x202e, 0x2066...0x2069: append("\u{fffd}")
      default: bytes += UTF8.encode(scalar)!
      }
    }
  }

  public mutating func append(decimal number: UInt64) {
    let start = bytes.count
    var rest = number
    repeat {
      bytes.append(UInt8(ascii: "0") + UInt8(rest % 10))
      rest /= 10
    } while rest > 0
    bytes[start...].reverse()
  }

  public mutating func append(hexadecimal number: UInt64) {
    append("0x")
    let start = bytes.count
    var rest = number
    repeat {
      let digit = UInt8(rest & 15)
      bytes.append(digit < 10 ? UInt8(ascii: "0") + digit : UInt8(ascii: "a") + digit - 10)
      rest >>= 4
    } while rest > 0
    bytes[start...].reverse()
  }

  /// Nanoseconds as seconds with three digits behind the point.
  public mutating func append(seconds nanoseconds: UInt64) {
    append(decimal: nanoseconds / 1_000_000_000)
    bytes.append(UInt8(ascii: "."))
    let milliseconds = nanoseconds / 1_000_000 % 1000
    for place: UInt64 in [100, 10, 1] { bytes.append(UInt8(ascii: "0") + UInt8(milliseconds / place % 10)) }
    append("s")
  }

  /// Foreign text as a JSON string, quotes included.
  public mutating func append(json text: String) {
    append("\"")
    if text.utf8.contains(where: Self.isEscaped) {
      // Byte by byte: a quotation mark with an accent on it is one character, and ends the string all the same.
      var escaped: [UInt8] = []
      for byte in text.utf8 {
        if Self.isEscaped(byte) { escaped.append(UInt8(ascii: "\\")) }
        escaped.append(byte)
      }
      append(foreign: String(decoding: escaped, as: UTF8.self))
    } else {
      append(foreign: text)
    }
    append("\"")
  }

  private static func isEscaped(_ byte: UInt8) -> Bool { byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") }

  /// A number of things, for people: `5,312`.
  public mutating func append(count: Int) {
    let digits = Array(String(count.magnitude).utf8)
    if count < 0 { append("-") }
    for (index, digit) in digits.enumerated() {
      if index > 0, (digits.count - index) % 3 == 0 { append(",") }
      bytes.append(digit)
    }
  }

  /// The same with its noun: `1 fibril`, `5,312 fibrils`.
  public mutating func append(count: Int, of noun: StaticString) {
    append(count: count)
    append(" ")
    append(noun)
    if count != 1 { append("s") }
  }

  /// Fills with blanks until `columns` bytes follow `start`, at least one.
  public mutating func pad(from start: Int, to columns: Int) {
    bytes.append(UInt8(ascii: " "))
    while bytes.count - start < columns { bytes.append(UInt8(ascii: " ")) }
  }

  public mutating func removeAll() { bytes.removeAll(keepingCapacity: true) }
}
