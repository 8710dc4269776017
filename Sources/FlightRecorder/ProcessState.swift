// One process of a recording, as of the last thing told of it.

internal import TraceEvents

struct ProcessState {
  let description: RecordedProcess
  var modules: [RecordedModule] = []
  var names: [String] = []
  var stacks: [(id: UInt32, frames: [UInt64])] = []
  var clock: TickClock
  /// The latest time of its events, CLOCK_MONOTONIC in ns.
  private(set) var latest: UInt64 = 0
  private var decoder = RecordDecoder()
  private var tasks: [UInt64: TaskState] = [:]
  /// Of which it is known where their records begin.
  private var begun: Set<UInt64> = []
  private var events: [Event] = []
  /// What the table said first, without its tasks and fibrils.
  private var table: ProcessSnapshot?

  init(_ description: RecordedProcess) {
    self.description = description
    clock = TickClock(source: description.clock)
  }

  mutating func take(_ snapshot: ProcessSnapshot) {
    for task in snapshot.tasks { tasks[task.task] = TaskState(task) }
    for fibril in snapshot.fibrils { tasks[fibril.task]?.add(fibril) }
    table = snapshot
    table?.fibrils = []
    table?.tasks = []
  }

  mutating func begin(task: UInt64, at number: UInt64) {
    decoder.begin(task: task, at: number)
    begun.insert(task)
  }

  mutating func take(records: RawSpan, of task: UInt64, from first: UInt64) {
    begun.insert(task)
    decoder.decode(records, task: task, first: first, clock: &clock, into: &events)
    apply()
  }

  mutating func end(task: UInt64, at number: UInt64) {
    decoder.end(task: task, at: number, into: &events)
    apply()
    tasks[task] = nil
    begun.remove(task)
  }

  /// Takes in the event that waits for a record that extends it: should that come, it comes too late.
  mutating func settle() {
    decoder.finish(into: &events)
    apply()
  }

  private mutating func apply() {
    for event in events {
      latest = max(latest, event.time)
      if case .taskStop = event.body {
        tasks[event.task] = nil
      } else {
        tasks[event.task, default: TaskState(task: event.task)].apply(event)
      }
    }
    events.removeAll(keepingCapacity: true)
  }

  /// By task, the number of its next record.
  var nextNumbers: [(task: UInt64, number: UInt64)] {
    begun.sorted().map { ($0, decoder.expectedNumber(ofTask: $0)) }
  }

  /// What the process's fibril table would have shown.
  func snapshot(at time: UInt64) -> ProcessSnapshot {
    var snapshot =
      table
      ?? ProcessSnapshot(
        processID: description.processID, command: description.command, ident: 0, time: time, runtime: "")
    let order = tasks.keys.sorted()
    snapshot.time = time
    snapshot.tasks = order.map { tasks[$0]!.snapshot(nextNumber: decoder.expectedNumber(ofTask: $0)) }
    snapshot.fibrils = order.flatMap { tasks[$0]!.fibrilSnapshots() }
    snapshot.names = names
    return snapshot
  }
}
