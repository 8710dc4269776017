// Text as bytes: integers, fixed-point times and JSON strings, formatted by hand and handed out in big pieces.
// String interpolation took six times as long.

/// Collects bytes and hands them out in pieces that end where `flushIfLarge` or `flush` was called.
struct ByteWriter {
  private(set) var failure: (any Error)?
  private var bytes: [UInt8] = []
  private let pieceSize: Int
  private let write: ([UInt8]) throws -> Void

  init(pieceSize: Int, write: @escaping ([UInt8]) throws -> Void) {
    self.pieceSize = pieceSize
    self.write = write
    bytes.reserveCapacity(pieceSize + 4096)
  }

  mutating func append(_ text: String) {
    bytes.append(contentsOf: text.utf8)
  }

  mutating func append(_ text: [UInt8]) {
    bytes.append(contentsOf: text)
  }

  mutating func append(decimal value: UInt64) {
    var digits = InlineArray<20, UInt8>(repeating: 0)
    var first = digits.count
    var rest = value
    repeat {
      first -= 1
      digits[first] = UInt8(ascii: "0") + UInt8(truncatingIfNeeded: rest % 10)
      rest /= 10
    } while rest != 0
    for index in first..<digits.count { bytes.append(digits[index]) }
  }

  mutating func append(decimal value: Int64) {
    if value < 0 { bytes.append(UInt8(ascii: "-")) }
    append(decimal: value.magnitude)
  }

  /// Appends nanoseconds as microseconds with three decimals.
  mutating func append(microseconds nanoseconds: UInt64) {
    append(decimal: nanoseconds / 1000)
    bytes.append(UInt8(ascii: "."))
    let rest = nanoseconds % 1000
    for digit in [rest / 100, rest / 10 % 10, rest % 10] {
      bytes.append(UInt8(ascii: "0") + UInt8(truncatingIfNeeded: digit))
    }
  }

  mutating func flushIfLarge() {
    if bytes.count >= pieceSize { flush() }
  }

  mutating func flush() {
    defer { bytes.removeAll(keepingCapacity: true) }
    guard failure == nil, !bytes.isEmpty else { return }
    do {
      try write(bytes)
    } catch {
      failure = error
    }
  }
}
