// What must be known of a recording's beginning once that has been thrown away: what each process is and what
// its fibrils were in, so that the rest can be told as a recording of its own.

public import TraceEvents

/// Folds a recording into the state at its end, which can be told as the beginning of another.
public struct RecordingState: RecordingSink {
  private var processes: [Int: ProcessState] = [:]
  /// The last two, by which the records that follow get their times.
  private var pairs: [ClockPair] = []
  /// Up to here everything has been told.
  private var time: UInt64 = 0

  /// The state of a recording that has not begun.
  public init() {}

  public mutating func add(_ pair: ClockPair) {
    pairs = pairs.suffix(1) + [pair]
    for index in processes.keys { processes[index]!.clock.add(pair) }
  }

  public mutating func begin(_ process: RecordedProcess) {
    var state = ProcessState(process)
    for pair in pairs { state.clock.add(pair) }
    processes[process.index] = state
  }

  public mutating func take(_ modules: [RecordedModule], of process: Int) {
    processes[process]?.modules = modules
  }

  public mutating func take(_ snapshot: ProcessSnapshot, of process: Int) {
    processes[process]?.take(snapshot)
  }

  public mutating func take(_ names: [String], from index: Int, of process: Int) {
    processes[process]?.names += names
  }

  public mutating func take(stack: [UInt64], id: UInt32, of process: Int) {
    processes[process]?.stacks.append((id, stack))
  }

  public mutating func begin(task: UInt64, at number: UInt64, of process: Int) {
    processes[process]?.begin(task: task, at: number)
  }

  public mutating func take(records: RawSpan, of task: UInt64, from first: UInt64, of process: Int) {
    processes[process]?.take(records: records, of: task, from: first)
  }

  public mutating func end(task: UInt64, at number: UInt64, of process: Int) {
    processes[process]?.end(task: task, at: number)
  }

  public mutating func end(_ process: Int, _ ending: ProcessEnding, at time: UInt64) {
    processes[process] = nil
  }

  public mutating func mark(_ time: UInt64) {
    self.time = max(self.time, time)
  }

  /// Tells what is left of the recording so far: the processes that live and what their fibrils are in.
  ///
  /// Rethrows what `sink` throws.
  public func tell(to sink: inout some RecordingSink) throws {
    for pair in pairs { try sink.add(pair) }
    let processes = processes.mapValues { process in
      var process = process
      process.settle()
      return process
    }
    // Some tasks have been told of further than others: only from here on are the states true of all.
    let begin = processes.values.reduce(time) { max($0, $1.latest) }
    for index in processes.keys.sorted() {
      guard let process = processes[index] else { continue }
      var description = process.description
      description.begin = max(description.begin, begin)
      try sink.begin(description)
      if !process.modules.isEmpty { try sink.take(process.modules, of: index) }
      if !process.names.isEmpty { try sink.take(process.names, from: 0, of: index) }
      for stack in process.stacks { try sink.take(stack: stack.frames, id: stack.id, of: index) }
      for (task, number) in process.nextNumbers { try sink.begin(task: task, at: number, of: index) }
      try sink.take(process.snapshot(at: description.begin), of: index)
    }
  }
}
