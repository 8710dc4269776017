// Turns the events of a process into what its fibrils, tasks and calls did, and when. Pure: events go in, slices come
// out through a sink, in one pass and with memory only for what is alive.

public import TraceEvents

/// The timeline of one process.
///
/// Events of one task come in the order of their numbers; tasks need no order among each other.
public struct Timeline {
  /// When the trace starts, CLOCK_MONOTONIC in ns. What is older is shown from here on.
  public let start: UInt64
  /// What was counted so far.
  public private(set) var statistics = TimelineStatistics()

  private var tasks: [TaskTrack] = []
  private var taskIndex: [UInt64: Int] = [:]
  private var freeTasks: [Int] = []
  /// Events of a task come in lumps.
  private var latest: (task: UInt64, index: Int)?

  /// An empty timeline of a trace that starts at `start`, CLOCK_MONOTONIC in ns.
  public init(start: UInt64) {
    self.start = start
  }

  /// Takes in the tasks and fibrils that were there already. Must come before the first event.
  ///
  /// What the table shows is taken to have been so at the start of the trace, unless the fibril's first event says
  /// otherwise. So every change since the start must be among the events: first the probes are attached, then the start
  /// is noted, then the table is read, of each task first its next number.
  public mutating func begin(with snapshot: ProcessSnapshot, into sink: inout some TimelineSink) {
    precondition(tasks.isEmpty, "a snapshot comes before all events")
    let labels = Dictionary(
      snapshot.fibrils.map { ($0.fibril, FibrilLabel(fibril: $0.fibril, kind: Self.kind(of: $0), name: $0.name)) },
      uniquingKeysWith: { first, _ in first })
    for task in snapshot.tasks where taskIndex[task.task] == nil {
      // Of who has no entry it is not known that it runs: a flight recorder says so where it does not know.
      let activity: TaskActivity =
        task.running == 0 ? .asleep : labels[task.running].map { .running($0) } ?? .unknown
      _ = add(
        TaskTrack(
          task: task.task, threadID: task.threadID, activity: activity, begin: start, start: start,
          replayFrom: task.nextNumber),
        at: start, &sink)
    }
    for fibril in snapshot.fibrils {
      guard fibril.fibril != 0, let index = taskIndex[fibril.task], tasks[index].fibrils.place(of: fibril.fibril) == nil
      else {
        continue
      }
      tasks[index].add(
        track(of: fibril, parent: labels[fibril.parent], isRunning: tasks[index].shows(running: fibril.fibril)),
        fibril.fibril, entry: fibril.entry, at: start, &statistics, &sink)
    }
  }

  /// Takes in one event.
  public mutating func consume(_ event: Event, into sink: inout some TimelineSink) {
    statistics.count(event.body)
    switch event.body {
    case .taskStart(let root, let threadID):
      startTask(event, root: root, threadID: threadID, &sink)
    case .taskStop:
      guard let index = taskIndex[event.task] else { return }
      let time = max(event.time, tasks[index].clock)
      tasks[index].finish(at: time, taskStops: true, &sink)
      forget(event.task, index)
    case .lost(let records):
      // A task that was never seen has no fibrils that the loss could touch.
      guard let index = taskIndex[event.task] else {
        let time = max(event.time, start)
        sink.consume(LostRange(task: event.task, threadID: 0, records: records, begin: time, end: time))
        return
      }
      tasks[index].lose(records: records, from: event.number, at: event.time, &sink)
    default:
      tasks[index(of: event.task, &sink)].apply(event, &statistics, &sink)
    }
  }

  /// Forgets a task of which nothing more comes, though its stop never arrived. What it did when it was last heard of is
  /// open-ended.
  public mutating func forget(task: UInt64, into sink: inout some TimelineSink) {
    guard let index = taskIndex[task] else { return }
    tasks[index].finish(at: tasks[index].clock, taskStops: false, &sink)
    forget(task, index)
  }

  /// Ends the trace: closes every open slice at `time`, CLOCK_MONOTONIC in ns.
  public mutating func finish(at time: UInt64, into sink: inout some TimelineSink) {
    for task in taskIndex.keys.sorted() {
      guard let index = taskIndex[task] else { continue }
      tasks[index].finish(at: max(time, tasks[index].clock), taskStops: false, &sink)
    }
    tasks = []
    taskIndex = [:]
    freeTasks = []
    latest = nil
  }

  /// The tasks that live.
  var openTasks: some Sequence<TaskTrack> { taskIndex.values.lazy.map { tasks[$0] } }

  // MARK: Tasks

  private mutating func startTask(
    _ event: Event, root: UInt64, threadID: UInt32, _ sink: inout some TimelineSink
  ) {
    let time = max(event.time, start)
    if let index = taskIndex[event.task] {
      tasks[index].threadID = threadID
      return
    }
    let label = FibrilLabel(fibril: root, kind: .root)
    let index = add(
      TaskTrack(
        task: event.task, threadID: threadID, activity: .running(label), begin: time, start: start, replayFrom: nil),
      at: time, &sink)
    let track = FibrilTrack(kind: .root, name: 0, parent: 0, state: .running, begin: time, losses: 0)
    tasks[index].clock = time
    tasks[index].add(track, root, entry: 0, at: time, &statistics, &sink)
  }

  /// The task's place; one that was never seen is taken in as UNKNOWN.
  private mutating func index(of task: UInt64, _ sink: inout some TimelineSink) -> Int {
    if let latest, latest.task == task { return latest.index }
    let index =
      taskIndex[task]
      ?? add(
        TaskTrack(task: task, threadID: 0, activity: .unknown, begin: start, start: start, replayFrom: nil),
        at: start, &sink)
    latest = (task, index)
    return index
  }

  private mutating func add(_ track: TaskTrack, at time: UInt64, _ sink: inout some TimelineSink) -> Int {
    let index: Int
    if let free = freeTasks.popLast() {
      index = free
      tasks[index] = track
    } else {
      index = tasks.count
      tasks.append(track)
    }
    taskIndex[track.task] = index
    statistics.tasks &+= 1
    sink.announce(TaskAnnouncement(task: track.task, threadID: track.threadID, time: time))
    return index
  }

  private mutating func forget(_ task: UInt64, _ index: Int) {
    taskIndex[task] = nil
    freeTasks.append(index)
    latest = nil
  }
}
