// Packs records into the payload of a chunk. Nothing is allocated in the loop over records.
internal import CFibrilContract

/// The payload of a chunk of records as it grows, with the counts that need a look at every record.
struct RecordWriter {
  /// All are initialised; the first `count` are taken.
  private var bytes = [UInt8](repeating: 0, count: FBTFormat.pieceBytes + Self.slack)
  private(set) var count = 0
  private var prediction = RecordPrediction(time: 0)
  /// Of the open run of records: whose they are, and the number of the next.
  private var open: FBTChunk.TaskRecords?
  private var runs: [FBTChunk.TaskRecords] = []
  private var base: UInt64 = 0
  private var ticks: (first: UInt64, last: UInt64)?

  /// Room behind a full piece for one more record, the head of a run and its end.
  private static let slack = RecordHead.mostBytes + 64
  /// As many runs are in a piece at most.
  private static let mostRuns = 1 << 12

  var isEmpty: Bool { runs.isEmpty && open == nil }
  var isFull: Bool { count >= FBTFormat.pieceBytes || runs.count >= Self.mostRuns }

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
    var (earliest, latest) = ticks ?? (prediction.time, prediction.time)
    while position < end, place < FBTFormat.pieceBytes {
      let record = unsafe records.unsafeLoadUnaligned(fromByteOffset: position * size, as: fibril_record.self)
      guard record.number16 == UInt16(truncatingIfNeeded: next), next < .max else { break }
      Self.put(record, &prediction, into: &target, at: &place)
      counts.count(record)
      if record.kind != Self.wake {
        earliest = min(earliest, record.time)
        latest = max(latest, record.time)
      }
      position += 1
      next += 1
    }
    ticks = (earliest, latest)
    self.prediction = prediction
    count = place
    open?.end = next
  }

  private static let wake = UInt16(FIBRIL_RECORD_WAKE.rawValue)

  /// The chunk of what was taken; nil if that is nothing. The writer is empty afterwards.
  mutating func seal(level: Int32) -> FBTChunk? {
    endRun()
    defer {
      count = 0
      runs = []
      ticks = nil
    }
    guard !runs.isEmpty else { return nil }
    let process = runs.allSatisfy { $0.process == runs[0].process } ? runs[0].process : nil
    var chunk = FBTChunk(.records, Array(bytes[..<count]), process: process, level: level)
    chunk.tasks = runs
    chunk.ticks = ticks.map { $0.first...$0.last }
    return chunk
  }

  private mutating func begin(_ task: UInt64, _ process: Int, at number: UInt64, _ time: UInt64) {
    if let open, open.task == task, open.process == process, open.end == number { return }
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
    open = FBTChunk.TaskRecords(process: process, task: task, first: number, end: number)
    prediction = RecordPrediction(time: time)
  }

  private mutating func endRun() {
    guard let run = open else { return }
    open = nil
    bytes[count] = RecordHead.endOfRun
    count += 1
    if run.end > run.first { runs.append(run) }
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
