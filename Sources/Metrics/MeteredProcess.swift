// One process that is followed: its decoder, its timeline, and the sums that come of it.
internal import Timeline
internal import TraceEvents

struct MeteredProcess {
  let process: RecordedProcess
  var decoder = RecordDecoder()
  private var timeline: Timeline
  private var sums = Sums()
  /// The latencies of the intervals before the present one, if there are intervals.
  private var earlier: Latencies?
  private var load: TaskLoad
  /// Of its latest event, CLOCK_MONOTONIC in ns. Some come before all that is older has been told.
  private var latest: UInt64 = 0
  /// What was said of all tasks together: where a loss takes back what seemed so, the figures stand still.
  private var told = Sums.TaskTime()
  private var names: [String] = []
  private var plainClock = TickClock(source: .monotonic)
  private var hasBegun = false
  /// Those of which nothing more comes. At its end that is said of all tasks of a process that lives on: they are there
  /// as long as no moment after it has been told.
  var silentTasks: Set<UInt64> = []

  /// More are not remembered: who makes names up has nameless fibrils.
  private static let mostNames = 1 << 14

  init(_ process: RecordedProcess) {
    var process = process
    // One that ended before its name was read. A label without a value is none.
    if process.command.isEmpty { process.command = "?" }
    self.process = process
    timeline = Timeline(start: process.begin)
    load = TaskLoad(from: process.begin)
  }

  mutating func take(_ snapshot: ProcessSnapshot) {
    // A timeline takes one snapshot, before all events.
    guard !hasBegun else { return }
    hasBegun = true
    take(snapshot.names, from: 0)
    timeline.begin(with: snapshot, into: &sums)
  }

  mutating func take(_ added: [String], from index: Int) {
    guard index >= 0, index <= names.count, index + added.count > names.count else { return }
    names += added.dropFirst(names.count - index).prefix(Self.mostNames - names.count)
  }

  mutating func decode(
    _ records: RawSpan, of task: UInt64, from first: UInt64, _ clock: inout TickClock, into events: inout [Event]
  ) {
    if !silentTasks.isEmpty { silentTasks.remove(task) }
    switch process.clock {
    case .timeStampCounter: decoder.decode(records, task: task, first: first, clock: &clock, into: &events)
    case .monotonic: decoder.decode(records, task: task, first: first, clock: &plainClock, into: &events)
    }
  }

  mutating func consume(_ events: [Event]) {
    hasBegun = true
    if let last = events.last { latest = max(latest, last.time) }
    timeline.consume(events, into: &sums)
  }

  mutating func forgetSilentTasks() {
    if silentTasks.isEmpty { return }
    for task in silentTasks { timeline.forget(task: task, into: &sums) }
    silentTasks = []
  }

  /// Everything up to `time` has been told.
  mutating func noteLoad(at time: UInt64) {
    guard load.isDue(at: time) else { return }
    var tasks: [UInt64: Sums.TaskTime] = [:]
    sums.settleTasks()
    timeline.visitTasks { tasks[$0.task] = spent(by: $0, at: time) }
    sums.keepTasks { tasks[$0] != nil }
    load.note(tasks, at: time)
  }

  /// Latencies of the next figures are of what comes from now on.
  mutating func beginInterval() {
    var sum = earlier ?? Latencies()
    sum.add(sums.latencies)
    earlier = sum
    sums.latencies = Latencies()
  }

  var hasIntervals: Bool { earlier != nil }

  /// What it came to, at its end.
  mutating func finish(_ ending: ProcessEnding, at time: UInt64, ofInterval: Bool = false) -> ProcessFigures {
    var last = figures(at: time, ofInterval: ofInterval)
    last.ending = ending
    // Who still lived when the trace ended has done so at its last moment.
    if case .traceEnded = ending { return last }
    last.living = LivingFigures()
    last.slowest = []
    last.tasks = []
    return last
  }

  /// What it comes to so far; everything up to `time` has been told.
  mutating func figures(at time: UInt64, ofInterval: Bool) -> ProcessFigures {
    sums.settleTasks()
    var latencies = sums.latencies
    if !ofInterval, let earlier { latencies.add(earlier) }
    var living = LivingSums(at: max(time, latest))
    timeline.visitLiving {
      living.add($0)
    } fibrils: {
      living.add($0)
    }
    var all = sums.total
    var tasks: [TaskFigures] = []
    for one in living.tasks {
      let open = open(one.task, at: time)
      let spent = spent(by: one.task, at: time)
      all.busy &+= open.busy
      all.asleep &+= open.asleep
      tasks.append(
        TaskFigures(
          task: one.task.task, threadID: one.task.threadID, busyTime: spent.busy, sleepTime: spent.asleep,
          load: load.of(one.task.task, spent), fibrils: one.fibrils,
          runnable: one.runnable))
    }
    told.busy = max(told.busy, all.busy)
    told.asleep = max(told.asleep, all.asleep)
    return ProcessFigures(
      process: process, duration: time - min(time, process.begin), counts: timeline.statistics.counts,
      events: timeline.statistics.events, lost: decoder.lostRecords, results: sums.namedResults,
      runQueueWait: latencies.runQueueWait.figures, running: latencies.running.figures,
      blocked: latencies.blocked.named { name(ofReason: $0) }.map { (reason: $0.name, latency: $0.figures) },
      calls: latencies.calls.named(SystemCallNames.name).map { (call: $0.name, latency: $0.figures) },
      closureLifetime: latencies.closureLifetime.figures, callLifetime: latencies.callLifetime.figures,
      living: living.finish(), tasks: tasks.sorted { $0.task < $1.task }, busyTime: told.busy,
      sleepTime: told.asleep, slowest: living.slowest.map { wait($0, age: living.age(of: $0)) }, ending: nil)
  }

  private func name(ofReason number: UInt32) -> String? {
    number == 0 ? nil : BlockReasonNames.name(of: BlockReason(rawValue: number))
  }

  private func wait(_ fibril: LivingFibril, age: UInt64) -> WaitFigures {
    let isCall = fibril.label.kind == .call
    let isBlocked = fibril.state == .blocked && !isCall
    let call = isCall ? fibril.call : isBlocked && fibril.reason == .call ? UInt32(clamping: fibril.object) : nil
    let name = Int(fibril.label.name)
    return WaitFigures(
      fibril: fibril.label.fibril, task: fibril.task, name: name > 0 && name < names.count ? names[name] : "",
      state: isCall ? "pending" : isBlocked ? "blocked" : "runnable",
      reason: isCall ? "call" : isBlocked ? self.name(ofReason: fibril.reason.rawValue) ?? "other" : "",
      call: call.map { SystemCallNames.name(of: $0) ?? "\($0)" } ?? "", age: age)
  }

  // MARK: Time of tasks

  /// What a task has spent since its latest switch.
  private func open(_ task: LivingTask, at time: UInt64) -> Sums.TaskTime {
    let duration = time &- min(time, task.begin)
    return switch task.activity {
    case .running: Sums.TaskTime(busy: duration)
    case .asleep: Sums.TaskTime(asleep: duration)
    case .unknown: Sums.TaskTime()
    }
  }

  private func spent(by task: LivingTask, at time: UInt64) -> Sums.TaskTime {
    let (before, now) = (sums.tasks[task.task] ?? Sums.TaskTime(), open(task, at: time))
    return Sums.TaskTime(busy: before.busy &+ now.busy, asleep: before.asleep &+ now.asleep)
  }
}
