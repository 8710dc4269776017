// Holds the last stretch of a recording in memory, as the chunks that a .fbt file of it would have.

public import TraceEvents

/// A recording of which only the last stretch is kept, until it is wanted.
///
/// What is thrown away is folded into the state it came to, so that a copy begins as a recording that was begun
/// later does.
public struct FlightRecorder: RecordingSink {
  /// How much is kept.
  public enum Capacity: Equatable, Sendable {
    /// At least the last so many nanoseconds, and one round more, as long as that takes `mostBytes` at most.
    case time(UInt64)
    /// At least so many bytes of chunks, and what one round of the tracer brings more.
    case bytes(Int)
  }

  /// Nobody who asks for a stretch of time means all the memory that there is.
  public static let mostBytes = 1 << 30

  /// What was told from one mark to the next.
  struct Stretch {
    var chunks: [FBTChunk] = []
    var bytes = 0
    /// The mark at its end.
    var end: UInt64 = 0
  }

  /// Where the writer leaves its chunks.
  private final class Basket {
    var stretch = Stretch()
  }

  private let capacity: Capacity
  private let mostBytes: Int
  private let basket = Basket()
  private var writer: FBTWriter
  /// From `oldest` on.
  private var stretches: [Stretch] = []
  private var oldest = 0
  private var bytes = 0
  private var begin = RecordingBegin()
  /// Less than the time that was asked for is kept, since that would take too much memory.
  public private(set) var isCutShort = false

  /// A recorder that keeps that much. Chunks are made with `options`.
  public init(capacity: Capacity, options: FBTWriter.Options = FBTWriter.Options()) {
    self.init(capacity: capacity, mostBytes: Self.mostBytes, options: options)
  }

  init(capacity: Capacity, mostBytes: Int, options: FBTWriter.Options = FBTWriter.Options()) {
    self.capacity = capacity
    self.mostBytes = mostBytes
    let basket = basket
    writer = FBTWriter(options: options) { chunk in
      basket.stretch.bytes += chunk.bytes.count
      basket.stretch.chunks.append(chunk)
    }
  }

  /// The numbers of everything that was recorded, also of what is no longer kept.
  public var totals: FBTTotals { writer.totals }

  /// Records lost so far, by process and task, where any were.
  public var lostByTask: [Int: [UInt64: UInt64]] { writer.lostByTask }

  /// Bytes of chunks that are kept.
  public var keptBytes: Int { bytes + basket.stretch.bytes }

  /// A copy of what is kept by now, to be written in steps while the recording goes on.
  public mutating func copy() throws -> FlightCopy {
    try writer.flush()
    return FlightCopy(begin: begin, stretches: stretches[oldest...] + [basket.stretch])
  }

  // MARK: RecordingSink

  public mutating func add(_ pair: ClockPair) throws { try writer.add(pair) }

  public mutating func begin(_ process: RecordedProcess) throws { try writer.begin(process) }

  public mutating func take(_ modules: [RecordedModule], of process: Int) throws {
    try writer.take(modules, of: process)
  }

  public mutating func take(_ snapshot: ProcessSnapshot, of process: Int) throws {
    try writer.take(snapshot, of: process)
  }

  public mutating func take(_ names: [String], from index: Int, of process: Int) throws {
    try writer.take(names, from: index, of: process)
  }

  public mutating func take(stack: [UInt64], id: UInt32, of process: Int) throws {
    try writer.take(stack: stack, id: id, of: process)
  }

  public mutating func begin(task: UInt64, at number: UInt64, of process: Int) throws {
    try writer.begin(task: task, at: number, of: process)
  }

  public mutating func take(records: RawSpan, of task: UInt64, from first: UInt64, of process: Int) throws {
    try writer.take(records: records, of: task, from: first, of: process)
  }

  public mutating func end(task: UInt64, at number: UInt64, of process: Int) throws {
    try writer.end(task: task, at: number, of: process)
  }

  public mutating func end(_ process: Int, _ ending: ProcessEnding, at time: UInt64) throws {
    try writer.end(process, ending, at: time)
  }

  /// Also the moment at which what is too old is thrown away.
  public mutating func mark(_ time: UInt64) throws {
    try writer.mark(time)
    basket.stretch.end = time
    bytes += basket.stretch.bytes
    stretches.append(basket.stretch)
    basket.stretch = Stretch()
    while oldest < stretches.count - 1, isTooOld(at: time) || isTooMuch() {
      try begin.fold(stretches[oldest])
      bytes -= stretches[oldest].bytes
      stretches[oldest] = Stretch()
      oldest += 1
    }
    if oldest > stretches.count / 2 {
      stretches.removeFirst(oldest)
      oldest = 0
    }
  }

  private func isTooOld(at time: UInt64) -> Bool {
    if case .time(let kept) = capacity { stretches[oldest].end < time - min(kept, time) } else { false }
  }

  private mutating func isTooMuch() -> Bool {
    switch capacity {
    case .bytes(let kept): return bytes - stretches[oldest].bytes >= kept
    case .time:
      let isOver = bytes > mostBytes
      isCutShort = isCutShort || isOver
      return isOver
    }
  }
}
