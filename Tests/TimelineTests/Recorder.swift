// What the tests of the timeline share: a sink that keeps everything in readable form, and a task that numbers events.

import Timeline
import TraceEvents

/// Keeps everything it is told.
struct Recorder: TimelineSink {
  var tasks: [TaskAnnouncement] = []
  var fibrils: [FibrilAnnouncement] = []
  var states: [StateSlice] = []
  var activities: [TaskSlice] = []
  var calls: [CallSlice] = []
  var flows: [WakeFlow] = []
  var lost: [LostRange] = []

  mutating func announce(_ task: TaskAnnouncement) { tasks.append(task) }
  mutating func announce(_ fibril: FibrilAnnouncement) { fibrils.append(fibril) }
  mutating func consume(_ slice: StateSlice) { states.append(slice) }
  mutating func consume(_ slice: TaskSlice) { activities.append(slice) }
  mutating func consume(_ slice: CallSlice) { calls.append(slice) }
  mutating func consume(_ flow: WakeFlow) { flows.append(flow) }
  mutating func consume(_ range: LostRange) { lost.append(range) }

  /// The slices of a fibril: "running 10-20", "blocked(5 700) 20-30", with "since 3" if it is older, and "…" if open.
  func track(_ fibril: UInt64) -> [String] {
    states.filter { $0.label.fibril == fibril }.map { slice in
      let reason = slice.reason == .none ? "" : "(\(slice.reason.rawValue) \(slice.object))"
      let since = slice.since == slice.begin ? "" : " since \(slice.since)"
      return "\(slice.state)\(reason) \(slice.begin)-\(slice.end)\(slice.isOpenEnded ? "…" : "")\(since)"
    }
  }

  /// The slices of a task: "1 0-10" while fibril 1 runs, "asleep 10-20".
  func task(_ task: UInt64) -> [String] {
    activities.filter { $0.task == task }.map { slice in
      let activity =
        switch slice.activity {
        case .running(let label): "\(label.fibril)"
        case .asleep: "asleep"
        case .unknown: "unknown"
        }
      return "\(activity) \(slice.begin)-\(slice.end)\(slice.isOpenEnded ? "…" : "")"
    }
  }

  /// "waker wakeTime -> switchTime" of each flow to a fibril.
  func flows(to fibril: UInt64) -> [String] {
    flows.filter { $0.woken.fibril == fibril }.map { "\($0.waker) \($0.wakeTime) -> \($0.switchTime)" }
  }
}

/// The timeline of one task, told event by event. Task 1, root fibril 1.
struct OneTask {
  var timeline: Timeline
  var recorder = Recorder()
  var number: UInt64
  let task: UInt64

  init(start: UInt64 = 0, task: UInt64 = 1, from number: UInt64 = 0, snapshot: ProcessSnapshot? = nil) {
    timeline = Timeline(start: start)
    self.task = task
    self.number = number
    if let snapshot { timeline.begin(with: snapshot, into: &recorder) }
  }

  mutating func at(_ time: UInt64, _ bodies: Event.Body...) {
    for body in bodies {
      timeline.consume(Event(time: time, task: task, number: number, body: body), into: &recorder)
      if case .lost(let records) = body { number += records } else { number += 1 }
    }
  }

  mutating func start(at time: UInt64 = 0) {
    at(time, .taskStart(root: 1, threadID: 100))
  }

  mutating func finish(at time: UInt64) {
    timeline.finish(at: time, into: &recorder)
  }
}

extension Event.Body {
  static func spawn(_ fibril: UInt64, by parent: UInt64 = 1) -> Self {
    .submitClosure(fibril: fibril, parent: parent, entry: 0x1000, name: 1)
  }
  static func call(_ fibril: UInt64, by parent: UInt64 = 1) -> Self {
    .submitCall(fibril: fibril, parent: parent, call: 35)
  }
  static func yield(_ from: UInt64, _ to: UInt64) -> Self { .switch(from: from, to: to, previousState: .runnable) }
  static func park(_ from: UInt64, _ to: UInt64) -> Self { .switch(from: from, to: to, previousState: .blocked) }
  static func leave(_ from: UInt64, _ to: UInt64) -> Self { .switch(from: from, to: to, previousState: .dead) }
  static func resume(_ to: UInt64) -> Self { .switch(from: 0, to: to, previousState: .none) }
  static func block(_ fibril: UInt64, _ reason: BlockReason = .sleep, _ object: UInt64 = 700) -> Self {
    .block(fibril: fibril, reason: reason, object: object, deadline: 0)
  }
  static func wake(_ fibril: UInt64, by waker: UInt64 = 0) -> Self {
    .wake(fibril: fibril, byTask: waker == 0 ? 0 : 1, byFibril: waker)
  }
  static func end(_ fibril: UInt64, _ result: Int64 = 0) -> Self { .teardown(fibril: fibril, result: result) }
}
