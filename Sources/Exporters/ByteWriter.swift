// Text as bytes: literals, integers and fixed-point times, formatted by hand and handed out in big pieces. String
// interpolation took six times as long.

/// Collects bytes and hands them out in pieces that end where `flush` or `flushIfLarge` was called.
struct ByteWriter {
  private(set) var failure: (any Error)?
  /// All are initialised; the first `count` are taken.
  private var bytes: [UInt8]
  private var count = 0
  private let pieceSize: Int
  private let write: ([UInt8]) throws -> Void

  init(pieceSize: Int, write: @escaping ([UInt8]) throws -> Void) {
    self.pieceSize = pieceSize
    self.write = write
    bytes = [UInt8](repeating: 0, count: pieceSize + 8192)
  }

  mutating func append(_ text: StaticString) {
    let first = take(text.utf8CodeUnitCount)
    // The text has this many bytes, and `take` made room for them.
    unsafe bytes.withUnsafeMutableBytes { buffer in
      unsafe buffer.baseAddress!.advanced(by: first).copyMemory(
        from: text.utf8Start, byteCount: text.utf8CodeUnitCount)
    }
  }

  mutating func append(_ text: [UInt8]) {
    let first = take(text.count)
    // As above.
    unsafe bytes.withUnsafeMutableBytes { buffer in
      unsafe text.withUnsafeBytes {
        unsafe UnsafeMutableRawBufferPointer(rebasing: buffer[first...]).copyMemory(from: $0)
      }
    }
  }

  mutating func append(decimal value: UInt64) {
    var digits = 1
    var limit: UInt64 = 10
    while digits < 20, value >= limit {
      digits += 1
      let (next, overflow) = limit.multipliedReportingOverflow(by: 10)
      if overflow { break }
      limit = next
    }
    putDigits(value, into: take(digits), digits)
  }

  mutating func append(decimal value: Int64) {
    if value < 0 { append("-") }
    append(decimal: value.magnitude)
  }

  /// Appends nanoseconds as microseconds with three decimals.
  mutating func append(microseconds nanoseconds: UInt64) {
    append(decimal: nanoseconds / 1000)
    let first = take(4)
    bytes[first] = UInt8(ascii: ".")
    putDigits(nanoseconds % 1000, into: first + 1, 3)
  }

  mutating func flushIfLarge() {
    if count >= pieceSize { flush() }
  }

  mutating func flush() {
    defer { count = 0 }
    guard failure == nil, count > 0 else { return }
    do {
      try write(Array(bytes[..<count]))
    } catch {
      failure = error
    }
  }

  /// Takes room for so many bytes and says where it begins.
  private mutating func take(_ size: Int) -> Int {
    let first = count
    count += size
    if count > bytes.count { bytes += [UInt8](repeating: 0, count: count) }
    return first
  }

  private mutating func putDigits(_ value: UInt64, into first: Int, _ digits: Int) {
    var rest = value
    var place = first + digits
    while place > first {
      place -= 1
      bytes[place] = UInt8(ascii: "0") + UInt8(truncatingIfNeeded: rest % 10)
      rest /= 10
    }
  }
}
