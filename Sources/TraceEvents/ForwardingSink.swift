// A recording sink that hands everything on to another, for those that have something to do besides.

/// Gives all of a recording to `sink`.
public protocol ForwardingSink: RecordingSink {
  associatedtype Sink: RecordingSink
  var sink: Sink { get set }
}

extension ForwardingSink {
  public mutating func add(_ pair: ClockPair) throws { try sink.add(pair) }
  public mutating func begin(_ process: RecordedProcess) throws { try sink.begin(process) }
  public mutating func take(_ modules: [RecordedModule], of process: Int) throws { try sink.take(modules, of: process) }
  public mutating func take(_ snapshot: ProcessSnapshot, of process: Int) throws {
    try sink.take(snapshot, of: process)
  }
  public mutating func take(_ names: [String], from index: Int, of process: Int) throws {
    try sink.take(names, from: index, of: process)
  }
  public mutating func take(stack: [UInt64], id: UInt32, of process: Int) throws {
    try sink.take(stack: stack, id: id, of: process)
  }
  public mutating func begin(task: UInt64, at number: UInt64, of process: Int) throws {
    try sink.begin(task: task, at: number, of: process)
  }
  public mutating func take(records: RawSpan, of task: UInt64, from first: UInt64, of process: Int) throws {
    try sink.take(records: records, of: task, from: first, of: process)
  }
  public mutating func end(task: UInt64, at number: UInt64, of process: Int) throws {
    try sink.end(task: task, at: number, of: process)
  }
  public mutating func end(_ process: Int, _ ending: ProcessEnding, at time: UInt64) throws {
    try sink.end(process, ending, at: time)
  }
  public mutating func mark(_ time: UInt64) throws { try sink.mark(time) }
}
