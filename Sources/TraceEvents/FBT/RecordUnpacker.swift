// Unpacks the payload of a chunk of records, which may be anything.
internal import CFibrilContract

/// Reads runs of records out of a chunk's payload.
struct RecordUnpacker {
  private var decoder: ByteDecoder
  private let base: UInt64
  /// As many are handed out at once, at most.
  private static let most = 1024
  private var records = [fibril_record](repeating: fibril_record(), count: Self.most)

  init(_ payload: [UInt8]) throws(DamageError) {
    decoder = ByteDecoder(payload)
    base = try decoder.take()
  }

  /// Hands out the next run in pieces, with whose it is and the number of the piece's first record. False: there is none.
  mutating func nextRun(
    _ begin: (Int, UInt64) throws -> Void, _ deliver: (RawSpan, UInt64) throws -> Void
  ) throws -> Bool {
    guard decoder.remaining > 0 else { return false }
    let process: Int = try decoder.integer()
    let task = try decoder.varint()
    var number = try decoder.varint()
    var prediction = RecordPrediction(time: base &+ UInt64(bitPattern: Int64(zigzag: try decoder.varint())))
    try begin(process, task)
    while true {
      let first = number
      let count = try unpack(&prediction, &number)
      if count > 0 {
        // A record has no padding: its bytes are all initialised.
        try unsafe deliver(records.span.extracting(0..<count).bytes, first)
      }
      if count < Self.most { return true }
    }
  }

  /// Fills `records`, until it is full or the run ends, and says how many there are: fewer than `most` at the end.
  private mutating func unpack(_ prediction: inout RecordPrediction, _ number: inout UInt64) throws(DamageError) -> Int
  {
    let payload = decoder.bytes
    let bytes = payload.span
    var place = decoder.position
    var count = 0
    defer { decoder.move(to: place) }
    while count < Self.most {
      guard place < bytes.count else { throw DamageError.short }
      let head = bytes[place]
      place += 1
      if head == RecordHead.endOfRun { break }
      guard number < .max else { throw DamageError("a record's number is too large") }
      let record = try Self.record(head, &prediction, number, bytes, &place)
      prediction.learn(record)
      records[count] = record
      count += 1
      number += 1
    }
    return count
  }

  @inline(__always) private static func record(
    _ head: UInt8, _ prediction: inout RecordPrediction, _ number: UInt64, _ bytes: Span<UInt8>, _ place: inout Int
  ) throws(DamageError) -> fibril_record {
    var kind = UInt16(head & RecordHead.kindMask)
    if kind == UInt16(RecordHead.largeKind) {
      let large = try varint(bytes, &place)
      guard large <= UInt64(UInt16.max) else { throw DamageError("a record's kind is too large") }
      kind = UInt16(truncatingIfNeeded: large)
    }
    let isWake = UInt32(kind) == FIBRIL_RECORD_WAKE.rawValue
    var time = prediction.time
    if head & RecordHead.sameTime == 0 {
      let distance = try varint(bytes, &place)
      time = time &+ (isWake ? UInt64(bitPattern: Int64(zigzag: distance)) : distance)
    }
    if !isWake { prediction.time = time }
    var fibril = prediction.fibril(kind)
    if head & RecordHead.sameFibril == 0 {
      fibril = fibril &+ UInt64(bitPattern: Int64(zigzag: try varint(bytes, &place)))
    }
    var argument = prediction.argument(kind)
    if head & RecordHead.sameArgument == 0 {
      argument = argument &+ UInt64(bitPattern: Int64(zigzag: try varint(bytes, &place)))
    }
    var argument32 = prediction.argument32(kind)
    if head & RecordHead.sameArgument32 == 0 { argument32 = UInt32(truncatingIfNeeded: try varint(bytes, &place)) }
    return fibril_record(
      time: time, fibril: fibril, arg: argument, kind: kind, number16: UInt16(truncatingIfNeeded: number),
      arg32: argument32)
  }

  @inline(__always) private static func varint(_ bytes: Span<UInt8>, _ place: inout Int) throws(DamageError) -> UInt64 {
    var value: UInt64 = 0
    var shift: UInt64 = 0
    while place < bytes.count {
      let byte = bytes[place]
      place += 1
      value |= UInt64(byte & 0x7F) << shift
      if byte < 0x80 { return value }
      shift += 7
      if shift > 63 { throw DamageError("a number has more than 64 bits") }
    }
    throw DamageError.short
  }
}
