// Events as comma-separated values: one row an event, in the order of time, for spreadsheets, pandas and SQL.

public import Timeline
public import TraceEvents

/// Writes the events of a trace as CSV (RFC 4180, lines ended by a newline alone).
///
/// `time_ns` never decreases; see `OrderedEvent.time`. Where an event's own time is another one, `own_time_ns` has it.
public struct CSVExporter: Exporter {
  static let header = """
    time_ns,process,pid,task,number,event,fibril,other_fibril,other_task,detail,value,deadline_ns,own_time_ns,stack

    """

  private var rows: CSVRows
  private var merger = EventMerger()
  private var selected = -1
  /// Processes that have ended, but of which rows may be yet to come.
  private var ended: Set<Int> = []

  /// The first error that `write` threw.
  public var failure: (any Error)? { rows.writer.failure }

  /// `write` gets the file in pieces of whole lines.
  public init(write: @escaping ([UInt8]) throws -> Void) {
    rows = CSVRows(write: write)
  }

  public mutating func begin(_ process: RecordedProcess, texts: ProcessTexts) {
    ended.remove(process.index)
    rows.processes[process.index] = (process.processID, texts)
  }

  public mutating func select(_ process: Int) { selected = process }

  public mutating func end(_ process: Int) {
    merger.end(process)
    ended.insert(process)
  }

  public mutating func consume(_ events: [Event]) {
    merger.add(events, of: selected)
    merger.relieve { rows.write($0) }
  }

  public mutating func mark(_ time: UInt64) {
    merger.mark(time) { rows.write($0) }
    guard !ended.isEmpty else { return }
    let held = merger.heldProcesses
    for process in ended where !held.contains(process) { rows.processes[process] = nil }
    ended.formIntersection(held)
  }

  public mutating func flush() { rows.writer.flush() }

  public mutating func finalise() throws {
    merger.finish { rows.write($0) }
    rows.writer.flush()
    if let failure { throw failure }
  }

  // What a timeline makes of the events has no rows.
  public mutating func announce(_ task: TaskAnnouncement) {}
  public mutating func announce(_ fibril: FibrilAnnouncement) {}
  public mutating func consume(_ slice: StateSlice) {}
  public mutating func consume(_ slice: TaskSlice) {}
  public mutating func consume(_ slice: CallSlice) {}
  public mutating func consume(_ flow: WakeFlow) {}
  public mutating func consume(_ range: LostRange) {}
}
