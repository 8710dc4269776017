// From a recording to an exporter's file: at once while it is made, or later out of a .fbt file.

public import Exporters
public import Timeline
public import TraceEvents

/// Turns a recording into timelines, one a process, and tells them to one exporter, in a single pass.
///
/// Every call throws the error that writing the output met, if it did, and nothing else.
public struct Replay<Output: Exporter>: RecordingSink {
  private var output: Output
  private let frameText: FrameText
  private var processes: [Int: ReplayedProcess] = [:]
  private var ended: [ProcessResult] = []
  /// Every process reads the same time stamp counter.
  private var clock = TickClock(source: .timeStampCounter)
  private var events: [Event] = []
  /// The latest time that was told of, CLOCK_MONOTONIC in ns.
  private var latest: UInt64 = 0

  /// A replay of a recording that goes to `output`. `frameText` puts frames of user stacks into words; nil: by their
  /// places in their files.
  public init(into output: Output, frameText: FrameText? = nil) {
    self.output = output
    self.frameText = frameText ?? { placeInFile($0, isExact: $1, modules: $2) }
  }

  /// The numbers of each process so far, in the order in which they began.
  public var results: [ProcessResult] {
    (ended + processes.values.map(\.result)).sorted { $0.process.index < $1.process.index }
  }

  /// The numbers of all processes so far.
  public var statistics: TimelineStatistics {
    var sum = TimelineStatistics()
    for one in ended { sum.add(one.statistics) }
    for one in processes.values { sum.add(one.timeline.statistics) }
    return sum
  }

  /// Tells the output what every fibril does at present, as if it ended at `time`, CLOCK_MONOTONIC in ns.
  public mutating func showOpenSlices(at time: UInt64) {
    for process in processes.keys {
      output.select(process)
      processes[process]?.timeline.showOpenSlices(at: time, to: &output)
    }
  }

  /// The name of a fibril, if it has one that was told.
  public func name(of label: FibrilLabel, process: Int) -> String? { processes[process]?.names[label.name] }

  /// Writes out what is held back, for who looks at the output while it grows.
  public mutating func flush() throws {
    output.flush()
    try check()
  }

  /// Ends the processes that have not ended, at `time`, CLOCK_MONOTONIC in ns, and the output. Nil: at the latest time
  /// that the recording told of.
  public mutating func finish(at time: UInt64? = nil) throws {
    for process in processes.keys.sorted() { try end(process, .traceEnded, at: time ?? latest) }
    try output.finalise()
  }

  // MARK: RecordingSink

  public mutating func add(_ pair: ClockPair) throws {
    clock.add(pair)
  }

  public mutating func begin(_ process: RecordedProcess) throws {
    latest = max(latest, process.begin)
    let names = NameTable()
    let stacks = StackTable(frameText)
    processes[process.index] = ReplayedProcess(process: process, names: names, stacks: stacks)
    output.begin(process, texts: ProcessTexts(name: { names[$0] }, stack: { stacks[$0] }))
    try check()
  }

  public mutating func take(_ modules: [RecordedModule], of process: Int) throws {
    processes[process]?.stacks.modules = modules
  }

  public mutating func take(_ snapshot: ProcessSnapshot, of process: Int) throws {
    output.select(process)
    processes[process]?.take(snapshot, into: &output)
    try check()
  }

  public mutating func take(_ names: [String], from index: Int, of process: Int) throws {
    processes[process]?.names.take(names, from: index)
  }

  public mutating func take(stack: [UInt64], id: UInt32, of process: Int) throws {
    processes[process]?.stacks.take(stack, id: id)
  }

  public mutating func begin(task: UInt64, at number: UInt64, of process: Int) throws {
    processes[process]?.decoder.begin(task: task, at: number)
  }

  public mutating func take(records: RawSpan, of task: UInt64, from first: UInt64, of process: Int) throws {
    processes[process]?.decode(records, of: task, from: first, &clock, into: &events)
    try tellEvents(of: process)
  }

  public mutating func end(task: UInt64, at number: UInt64, of process: Int) throws {
    processes[process]?.decoder.end(task: task, at: number, into: &events)
    try tellEvents(of: process)
  }

  public mutating func end(_ process: Int, _ ending: ProcessEnding, at time: UInt64) throws {
    processes[process]?.decoder.finish(into: &events)
    try tellEvents(of: process)
    guard var last = processes.removeValue(forKey: process) else { return }
    latest = max(latest, time)
    output.select(process)
    last.timeline.finish(at: time, into: &output)
    output.end(process)
    last.ending = ending
    last.end = time
    ended.append(last.result)
    try check()
  }

  public mutating func mark(_ time: UInt64) throws {
    latest = max(latest, time)
    output.mark(time)
    try check()
  }

  // MARK: Parts

  private mutating func tellEvents(of process: Int) throws {
    guard !events.isEmpty else { return }
    output.select(process)
    output.consume(events)
    processes[process]?.consume(events, into: &output)
    // A wake may be the last record, but is seldom the latest.
    if let last = events.last { latest = max(latest, last.time) }
    events.removeAll(keepingCapacity: true)
    try check()
  }

  private func check() throws {
    if let failure = output.failure { throw failure }
  }
}
