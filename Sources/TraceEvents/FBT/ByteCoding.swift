// Integers, text and lists as bytes: what the payloads of chunks are made of.

/// Bytes that no writer writes.
struct DamageError: Error {
  var cause: String

  init(_ cause: String) {
    self.cause = cause
  }
}

extension FixedWidthInteger where Self: SignedInteger {
  /// Small numbers of either sign as small ones without a sign: 0, -1, 1, -2, ...
  var zigzag: Magnitude { Magnitude(truncatingIfNeeded: (self << 1) ^ (self >> (Self.bitWidth - 1))) }

  init(zigzag: Magnitude) {
    self = Self(truncatingIfNeeded: zigzag >> 1) ^ -Self(truncatingIfNeeded: zigzag & 1)
  }
}

struct ByteEncoder {
  private(set) var bytes: [UInt8] = []
  var count: Int { bytes.count }

  /// Little-endian.
  mutating func put(_ value: some FixedWidthInteger & UnsignedInteger) {
    var rest = value
    for _ in 0..<(value.bitWidth / 8) {
      bytes.append(UInt8(truncatingIfNeeded: rest))
      rest = rest >> 8
    }
  }

  /// Seven bits a byte, the lowest first; the highest bit says that more follow.
  mutating func put(varint value: UInt64) {
    var rest = value
    while rest >= 0x80 {
      bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
      rest >>= 7
    }
    bytes.append(UInt8(truncatingIfNeeded: rest))
  }

  mutating func put(varint value: some BinaryInteger) { put(varint: UInt64(truncatingIfNeeded: value)) }

  mutating func put(text: String) { put(block: Array(text.utf8)) }

  /// So many bytes, with their number in front.
  mutating func put(block: [UInt8]) {
    put(varint: block.count)
    bytes += block
  }

  mutating func put(raw: [UInt8]) { bytes += raw }

  mutating func clear() { bytes.removeAll(keepingCapacity: true) }
}

/// Reads what an encoder put, out of bytes that may be anything.
struct ByteDecoder {
  let bytes: [UInt8]
  private(set) var position = 0

  init(_ bytes: [UInt8], at position: Int = 0) {
    self.bytes = bytes
    self.position = position
  }

  var remaining: Int { bytes.count - position }

  /// For who reads the bytes itself.
  mutating func move(to position: Int) { self.position = position }

  mutating func take<Value: FixedWidthInteger & UnsignedInteger>(_: Value.Type = Value.self) throws(DamageError)
    -> Value
  {
    let size = Value.bitWidth / 8
    guard remaining >= size else { throw DamageError.short }
    var value: Value = 0
    for index in 0..<size { value |= Value(bytes[position + index]) << (8 * index) }
    position += size
    return value
  }

  mutating func varint() throws(DamageError) -> UInt64 {
    var value: UInt64 = 0
    var shift: UInt64 = 0
    while position < bytes.count {
      let byte = bytes[position]
      position += 1
      value |= UInt64(byte & 0x7F) << shift
      if byte < 0x80 { return value }
      shift += 7
      if shift > 63 { throw DamageError("a number has more than 64 bits") }
    }
    throw DamageError.short
  }

  /// A varint that must fit.
  mutating func integer<Value: FixedWidthInteger>(_: Value.Type = Value.self) throws(DamageError) -> Value {
    guard let value = Value(exactly: try varint()) else { throw DamageError("a number is too large") }
    return value
  }

  /// A number of things, each at least `bytes` long.
  mutating func count(most: Int, bytes: Int = 1) throws(DamageError) -> Int {
    let count = try varint()
    guard count <= UInt64(most), count <= UInt64(remaining / bytes) else {
      throw DamageError("it announces more than it holds")
    }
    return Int(count)
  }

  mutating func block(most: Int) throws(DamageError) -> [UInt8] {
    let count = try count(most: most)
    defer { position += count }
    return Array(bytes[position..<position + count])
  }

  /// Text of at most so many bytes; what is no UTF-8 is replaced.
  mutating func text(most: Int = 4096) throws(DamageError) -> String {
    String(decoding: try block(most: most), as: UTF8.self)
  }
}

extension DamageError {
  static let short = DamageError("it ends too early")
}
