// Makes the chunks of a .fbt file out of a recording.

/// Turns a recording into the chunks of a `.fbt` file and hands them to a closure: that of a file writes their bytes,
/// that of a flight recorder keeps them.
///
/// What the closure throws is thrown on. Whatever comes after that is dropped and throws the same again, so that a file
/// ends where writing it failed. A call throws nothing else. Calls of a process that has not begun, or has ended, are
/// dropped.
public struct FBTWriter: RecordingSink {
  /// How chunks are made.
  public struct Options: Sendable {
    /// zlib's level for records, 1 to 9; 0: they are not compressed. Level 1 halves them, for some 60 ns an event.
    public var recordsLevel: Int32
    /// The same for everything else.
    public var level: Int32

    /// Records as they are, all else compressed.
    public init(recordsLevel: Int32 = 0, level: Int32 = 1) {
      self.recordsLevel = recordsLevel
      self.level = level
    }
  }

  private let options: Options
  private let consume: (consuming FBTChunk) throws -> Void
  private var failure: (any Error)?
  private var records = RecordWriter()
  /// Stacks that no chunk holds yet, and the process that they are of.
  private var stacks: (process: Int, encoder: ByteEncoder, count: Int)?
  /// Those that have not ended, by their numbers in the recording.
  private var processes: [Int: ProcessAccount] = [:]
  private var numbers = FBTProcessNumbers()
  private var ended = FBTTotals()
  private var lostByEnded: [Int: [UInt64: UInt64]] = [:]
  /// Names of those that have not ended.
  private var namesInAll = 0
  /// Processes so far.
  public private(set) var processCount: UInt64 = 0
  /// Bytes of all chunks so far.
  public private(set) var bytes: UInt64 = 0

  /// A writer of chunks, without a header. `consume` gets every finished chunk.
  public init(options: Options = Options(), consume: @escaping (consuming FBTChunk) throws -> Void) {
    self.options = options
    self.consume = consume
  }

  /// A writer of a file, which begins with `header`. `write` gets the file in pieces, each a whole chunk.
  public init(
    header: FBTHeader, options: Options = Options(), write: @escaping ([UInt8]) throws -> Void
  ) throws {
    self.init(options: options) { try write($0.bytes) }
    try emit(FBTChunk(header))
  }

  /// The numbers of the recording so far.
  public var totals: FBTTotals {
    processes.values.reduce(into: ended) { $0.add($1.totals) }
  }

  /// The numbers of a process that has not ended.
  public func totals(of process: Int) -> FBTTotals? { processes[process]?.totals }

  /// Records lost by the tasks of each process, by its number; no task without a loss is among them.
  public var lostByTask: [Int: [UInt64: UInt64]] {
    processes.mapValues(\.lostByTask).filter { !$0.value.isEmpty }.merging(lostByEnded) { living, _ in living }
  }

  /// Hands out what has been held back.
  public mutating func flush() throws {
    try flushStacks()
    guard let chunk = records.seal(level: options.recordsLevel) else { return }
    try emit(chunk)
  }

  /// Ends the recording: a file that has this chunk is complete. `end` is CLOCK_MONOTONIC in ns. Nothing may come after.
  public mutating func finish(at end: UInt64) throws {
    try flush()
    var encoder = ByteEncoder()
    encoder.put(end)
    encoder.put(varint: processCount)
    totals.encode(into: &encoder)
    try emit(.totals, encoder)
  }

  // MARK: RecordingSink

  public mutating func add(_ pair: ClockPair) throws {
    var encoder = ByteEncoder()
    encoder.put(pair.ticks)
    encoder.put(pair.nanoseconds)
    try emit(.clockPair, encoder)
  }

  public mutating func begin(_ process: RecordedProcess) throws {
    guard numbers.take(process.index), processes.count < FBTFormat.mostLiveProcesses else { return }
    processes[process.index] = ProcessAccount()
    processCount += 1
    var encoder = ByteEncoder()
    process.encode(into: &encoder)
    try emit(.processBegin, encoder)
  }

  public mutating func take(_ modules: [RecordedModule], of process: Int) throws {
    guard processes[process] != nil else { return }
    try flush()
    var pieces = FBTPieces(.modules, process, level: options.level)
    for module in modules.prefix(FBTFormat.mostModules) {
      if let full = pieces.add({ module.encode(into: &$0) }) { try emit(full) }
    }
    try emit(pieces.last())
  }

  public mutating func take(_ snapshot: ProcessSnapshot, of process: Int) throws {
    guard processes[process]?.take(snapshot) == true else { return }
    try take(snapshot.names, from: 0, of: process)
    // Names have chunks of their own.
    var pieces = FBTPieces(.snapshot, process, level: options.level) { snapshot.encodeHead(into: &$0) }
    for task in snapshot.tasks.prefix(FBTFormat.mostTasks) {
      let full = pieces.add {
        $0.put(SnapshotItem.task.rawValue)
        task.encode(into: &$0)
      }
      if let full { try emit(full) }
    }
    for fibril in snapshot.fibrils.prefix(FBTFormat.mostFibrils) {
      let full = pieces.add {
        $0.put(SnapshotItem.fibril.rawValue)
        fibril.encode(into: &$0)
      }
      if let full { try emit(full) }
    }
    try emit(pieces.last())
  }

  public mutating func take(_ names: [String], from index: Int, of process: Int) throws {
    let room = FBTFormat.mostNamesInAll - namesInAll
    guard let (added, first) = processes[process]?.take(names, from: index, room: room) else { return }
    namesInAll += added.count
    var rest = added
    var next = first
    while !rest.isEmpty {
      var list = ByteEncoder()
      var count = 0
      while let name = rest.first, list.count < FBTFormat.pieceBytes {
        list.put(text: name.cut)
        rest.removeFirst()
        count += 1
      }
      var encoder = ByteEncoder()
      encoder.put(varint: process)
      encoder.put(varint: next)
      encoder.put(varint: count)
      encoder.put(raw: list.bytes)
      try emit(.names, encoder)
      next += count
    }
  }

  public mutating func take(stack: [UInt64], id: UInt32, of process: Int) throws {
    guard processes[process] != nil else { return }
    if let stacks, stacks.process != process || stacks.encoder.count >= FBTFormat.pieceBytes { try flushStacks() }
    var (_, encoder, count) = stacks ?? (process, ByteEncoder(), 0)
    stacks = nil
    let frames = stack.prefix(FBTFormat.mostFrames)
    encoder.put(varint: id)
    encoder.put(varint: frames.count)
    var last: UInt64 = 0
    for frame in frames {
      encoder.put(varint: Int64(bitPattern: frame &- last).zigzag)
      last = frame
    }
    count += 1
    stacks = (process, encoder, count)
  }

  public mutating func begin(task: UInt64, at number: UInt64, of process: Int) throws {
    guard processes[process] != nil else { return }
    processes[process]?.begin(task: task, at: number)
    var encoder = ByteEncoder()
    encoder.put(varint: process)
    encoder.put(varint: task)
    encoder.put(varint: number)
    try emit(.taskBegin, encoder)
  }

  public mutating func take(records: RawSpan, of task: UInt64, from first: UInt64, of process: Int) throws {
    if let failure { throw failure }
    var position = 0
    while processes[process]?.take(records, &position, of: task, from: first, process, into: &self.records) == true {
      try flush()
    }
  }

  public mutating func end(task: UInt64, at number: UInt64, of process: Int) throws {
    guard let lost = processes[process]?.end(task: task, at: number) else { return }
    try flush()
    var encoder = ByteEncoder()
    encoder.put(varint: process)
    encoder.put(varint: task)
    encoder.put(varint: number)
    encoder.put(varint: lost)
    try emit(.taskEnd, encoder)
  }

  public mutating func end(_ process: Int, _ ending: ProcessEnding, at time: UInt64) throws {
    guard let account = processes.removeValue(forKey: process) else { return }
    try flush()
    let totals = account.totals
    ended.add(totals)
    namesInAll -= account.names
    if totals.lost > 0 { lostByEnded[process] = account.lostByTask }
    var encoder = ByteEncoder()
    encoder.put(varint: process)
    encoder.put(time)
    ending.encode(into: &encoder)
    totals.encode(into: &encoder)
    try emit(.processEnd, encoder)
  }

  public mutating func mark(_ time: UInt64) throws {
    try flush()
    var encoder = ByteEncoder()
    encoder.put(time)
    try emit(.mark, encoder)
  }

  // MARK: Parts

  private mutating func flushStacks() throws {
    guard let (process, stacks, count) = stacks else { return }
    self.stacks = nil
    var encoder = ByteEncoder()
    encoder.put(varint: process)
    encoder.put(varint: count)
    encoder.put(raw: stacks.bytes)
    try emit(.stacks, encoder)
  }

  private mutating func emit(_ kind: FBTChunkKind, _ encoder: ByteEncoder) throws {
    try emit(FBTChunk(kind, encoder.bytes, level: options.level))
  }

  private mutating func emit(_ chunk: FBTChunk) throws {
    if let failure { throw failure }
    bytes += UInt64(chunk.bytes.count)
    do {
      try consume(chunk)
    } catch {
      failure = error
      throw error
    }
  }
}
