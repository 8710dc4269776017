// One process of a replay: its decoder, its timeline, its names, and what they come to.

internal import Exporters
public import Timeline
public import TraceEvents

/// What one process image of a recording comes to.
public struct ProcessResult: Equatable, Sendable {
  public let process: RecordedProcess
  /// What its timeline counted.
  public let statistics: TimelineStatistics
  /// Records that arrived, extensions and padding among them.
  public let received: UInt64
  /// Records that never arrived.
  public let lost: UInt64
  /// The same by task; a task that lost none is not among them.
  public let lostByTask: [UInt64: UInt64]
  /// How and when, CLOCK_MONOTONIC in ns, its recording ended; nil: it has not.
  public let ending: ProcessEnding?
  public let end: UInt64?
}

struct ReplayedProcess {
  let process: RecordedProcess
  let names: NameTable
  let stacks: StackTable
  var decoder = RecordDecoder()
  var timeline: Timeline
  var ending: ProcessEnding?
  var end: UInt64?
  private var plainClock = TickClock(source: .monotonic)
  private var hasSnapshot = false
  private var hasEvents = false

  init(process: RecordedProcess, names: NameTable, stacks: StackTable) {
    self.process = process
    self.names = names
    self.stacks = stacks
    timeline = Timeline(start: process.begin)
  }

  var result: ProcessResult {
    ProcessResult(
      process: process, statistics: timeline.statistics, received: decoder.receivedRecords, lost: decoder.lostRecords,
      lostByTask: decoder.lostByTask, ending: ending, end: end)
  }

  mutating func take(_ snapshot: ProcessSnapshot, into output: inout some Exporter) {
    // A timeline takes one snapshot, before all events.
    guard !hasSnapshot, !hasEvents else { return }
    hasSnapshot = true
    names.take(snapshot.names, from: 0)
    timeline.begin(with: snapshot, into: &output)
  }

  mutating func decode(
    _ records: RawSpan, of task: UInt64, from first: UInt64, _ clock: inout TickClock, into events: inout [Event]
  ) {
    switch process.clock {
    case .timeStampCounter: decoder.decode(records, task: task, first: first, clock: &clock, into: &events)
    case .monotonic: decoder.decode(records, task: task, first: first, clock: &plainClock, into: &events)
    }
  }

  mutating func consume(_ events: [Event], into output: inout some Exporter) {
    hasEvents = true
    for event in events { timeline.consume(event, into: &output) }
  }
}

/// A process's names, as they become known.
final class NameTable {
  private var names: [String] = []

  /// Keeps those that are new.
  func take(_ added: [String], from index: Int) {
    guard index >= 0, index <= names.count, index + added.count > names.count else { return }
    names += added.dropFirst(names.count - index)
  }

  subscript(index: UInt32) -> String? {
    Int(index) < names.count ? names[Int(index)] : nil
  }
}
