// Packs records into the payload of a chunk. Nothing is allocated in the loop over records.
internal import CFibrilContract

/// The payload of a chunk of records as it grows, with the counts that need a look at every record.
struct RecordWriter {
  /// All are initialised; the first `count` are taken.
  private var bytes = [UInt8](repeating: 0, count: FBTFormat.pieceBytes + Self.slack)
  private(set) var count = 0
  private var prediction = RecordPrediction(time: 0)
  /// The open run: whose records they are, and the number of the next.
  private var open: Run?
  private var runs = 0
  private var base: UInt64 = 0

  private struct Run {
    var process: Int
    var task: UInt64
    var next: UInt64
  }

  /// Room behind a full piece for one more record, the head of a run and its end.
  private static let slack = RecordHead.mostBytes + 64
  /// As many runs are in a piece at most.
  private static let mostRuns = 1 << 12

  var isFull: Bool { count >= FBTFormat.pieceBytes || runs >= Self.mostRuns }

  /// Packs records from `position` on, which is moved behind the last one that was taken, until the piece is full or a
  /// record does not carry its number, which begins with `first` at the span's start.
  mutating func take(
    _ records: RawSpan, position: inout Int, first: UInt64, of task: UInt64, _ process: Int,
    counting counts: inout RecordCounts
  ) {
    let size = MemoryLayout<fibril_record>.size
    let end = records.byteCount / size
    guard position < end else { return }
    let number = first &+ UInt64(position)
    // Any bytes make a record, and the span checks the bounds.
    let time = unsafe records.unsafeLoadUnaligned(fromByteOffset: position * size, as: UInt64.self)
    begin(task, process, at: number, time)
    // Out of this struct, of which the rest changes too.
    var buffer: [UInt8] = []
    swap(&buffer, &bytes)
    defer { swap(&buffer, &bytes) }
    var target = buffer.mutableSpan
    var place = count
    var prediction = prediction
    var next = number
    while position < end, place < FBTFormat.pieceBytes {
      let record = unsafe records.unsafeLoadUnaligned(fromByteOffset: position * size, as: fibril_record.self)
      guard record.number16 == UInt16(truncatingIfNeeded: next), next < .max else { break }
      Self.put(record, &prediction, into: &target, at: &place)
      counts.count(record)
      position += 1
      next += 1
    }
    self.prediction = prediction
    count = place
    open?.next = next
  }

  private static let wake = UInt16(FIBRIL_RECORD_WAKE.rawValue)

  /// The chunk of what was taken; nil if that is nothing. The writer is empty afterwards.
  mutating func seal(level: Int32) -> FBTChunk? {
    endRun()
    guard count > 0 else { return nil }
    defer {
      count = 0
      runs = 0
    }
    return FBTChunk(.records, Array(bytes[..<count]), level: level)
  }

  private mutating func begin(_ task: UInt64, _ process: Int, at number: UInt64, _ time: UInt64) {
    if let open, open.task == task, open.process == process, open.next == number { return }
    endRun()
    var head = ByteEncoder()
    if count == 0 {
      base = time
      head.put(time)
    }
    head.put(varint: process)
    head.put(varint: task)
    head.put(varint: number)
    head.put(varint: Int64(bitPattern: time &- base).zigzag)
    for (index, byte) in head.bytes.enumerated() { bytes[count + index] = byte }
    count += head.count
    open = Run(process: process, task: task, next: number)
    runs += 1
    prediction = RecordPrediction(time: time)
  }

  private mutating func endRun() {
    guard open != nil else { return }
    open = nil
    bytes[count] = RecordHead.endOfRun
    count += 1
  }

  // MARK: One record

  @inline(__always) private static func put(
    _ record: fibril_record, _ prediction: inout RecordPrediction, into target: inout MutableSpan<UInt8>,
    at place: inout Int
  ) {
    let kind = record.kind
    let headPlace = place
    place += 1
    var head: UInt8
    if kind > 0 && kind < UInt16(RecordHead.largeKind) {
      head = UInt8(truncatingIfNeeded: kind)
    } else {
      head = RecordHead.largeKind
      put(varint: UInt64(kind), into: &target, at: &place)
    }
    let distance = record.time &- prediction.time
    if distance == 0 {
      head |= RecordHead.sameTime
    } else if kind == wake {
      put(varint: Int64(bitPattern: distance).zigzag, into: &target, at: &place)
    } else {
      put(varint: distance, into: &target, at: &place)
    }
    if kind != wake { prediction.time = record.time }
    let fibril = record.fibril &- prediction.fibril(kind)
    if fibril == 0 {
      head |= RecordHead.sameFibril
    } else {
      put(varint: Int64(bitPattern: fibril).zigzag, into: &target, at: &place)
    }
    let argument = record.arg &- prediction.argument(kind)
    if argument == 0 {
      head |= RecordHead.sameArgument
    } else {
      put(varint: Int64(bitPattern: argument).zigzag, into: &target, at: &place)
    }
    if record.arg32 == prediction.argument32(kind) {
      head |= RecordHead.sameArgument32
    } else {
      put(varint: UInt64(record.arg32), into: &target, at: &place)
    }
    target[headPlace] = head
    prediction.learn(record)
  }

  @inline(__always) private static func put(
    varint value: UInt64, into target: inout MutableSpan<UInt8>, at place: inout Int
  ) {
    var rest = value
    while rest >= 0x80 {
      target[place] = UInt8(truncatingIfNeeded: rest) | 0x80
      place += 1
      rest >>= 7
    }
    target[place] = UInt8(truncatingIfNeeded: rest)
    place += 1
  }
}
