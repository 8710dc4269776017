// What a task and its fibrils are in after some of their events: the state that a fibril table would show
// then, without the events.

internal import TraceEvents

/// One task, as of its last event.
struct TaskState {
  let task: UInt64
  var threadID: UInt32 = 0
  var root: UInt64 = 0
  /// The fibril that runs; 0: the task sleeps; nil: not known, as after a loss.
  private(set) var running: UInt64?
  private var fibrils: [UInt64: FibrilState] = [:]
  /// The snapshot's next number: it may show more than the records that have come.
  private var shownBelow: UInt64 = 0
  /// How many stretches of records were lost. A fibril that has been through fewer is in an unknown state.
  private var losses: UInt32 = 0
  /// Fibrils whose end was lost would stay for ever. Once there are more than so many, those that have been silent
  /// from one loss to the next are forgotten.
  var fibrilsToForgetAt = mostSilentFibrils
  private static let mostSilentFibrils = 1 << 20

  /// Plain words: there may be a million of them.
  private struct FibrilState {
    var state: TraceEvents.FibrilState
    var losses: UInt32
    var reason = BlockReason.none
    var name: UInt32 = 0
    var call: UInt32?
    var isCall = false
    var isRoot = false
    var parent: UInt64 = 0
    var entry: UInt64 = 0
    var object: UInt64 = 0
    var since: UInt64 = 0
    var deadline: UInt64 = 0
    var nextNumber: UInt64 = 0
  }

  /// No fibril has this number, so no entry is told of it.
  private static let unknown = UInt64.max

  init(task: UInt64) { self.task = task }

  init(_ snapshot: TaskSnapshot) {
    task = snapshot.task
    threadID = snapshot.threadID
    root = snapshot.root
    running = snapshot.running
    shownBelow = snapshot.nextNumber
  }

  /// Takes in a fibril that was there already.
  mutating func add(_ fibril: FibrilSnapshot) {
    var state = FibrilState(state: fibril.state, losses: fibril.changedWhileRead ? losses &- 1 : losses)
    state.reason = fibril.reason
    state.name = fibril.name
    state.call = fibril.call
    state.isCall = fibril.isCall
    state.isRoot = fibril.isRoot
    state.parent = fibril.parent
    state.entry = fibril.entry
    state.object = fibril.object
    state.since = fibril.since
    state.deadline = fibril.deadline
    state.nextNumber = fibril.nextNumber
    fibrils[fibril.fibril] = state
  }

  /// Takes in one of its events.
  mutating func apply(_ event: Event) {
    let number = event.number &+ 1
    switch event.body {
    case .taskStart(let root, let threadID):
      self.root = root
      self.threadID = threadID
      running = root
      change(root, number) {
        $0.state = .running
        $0.isRoot = true
      }
    case .taskStop:
      fibrils = [:]
      running = 0
    case .submitCall(let fibril, let parent, let call):
      change(fibril, number) {
        $0.state = .none
        $0.isCall = true
        $0.call = call
        $0.parent = parent
        $0.since = event.time
      }
    case .submitClosure(let fibril, let parent, let entry, let name):
      change(fibril, number) {
        $0.state = .runnable
        $0.parent = parent
        $0.entry = entry
        $0.name = name
      }
    case .switch(let previous, let next, let previousState):
      if previous != 0 { leave(previous, previousState, number) }
      if next != 0 { change(next, number) { $0.state = .running } }
      running = next
    case .block(let fibril, let reason, _, let object, let deadline):
      change(fibril, number) {
        $0.state = .blocked
        $0.reason = reason
        $0.object = object
        $0.deadline = deadline
        if !$0.isCall { $0.since = event.time }
      }
    case .wake(let fibril, _, _):
      guard let state = fibrils[fibril], state.losses != losses || state.state == .blocked else { return }
      change(fibril, number) { $0.state = .runnable }
    case .teardown(let fibril, _):
      // Whoever runs does so until the switch away from it.
      if fibril == running, fibrils[fibril]?.isCall == false {
        change(fibril, number) { $0.state = .dead }
      } else {
        fibrils[fibril] = nil
      }
    case .lost:
      // The switch away from one that was being torn down is among what was lost, or nobody will tell.
      if let running, fibrils[running]?.state == .dead { fibrils[running] = nil }
      running = nil
      losses &+= 1
      if fibrils.count > fibrilsToForgetAt { forgetSilentFibrils() }
    }
  }

  private mutating func forgetSilentFibrils() {
    fibrils = fibrils.filter { $0.value.isRoot || losses &- $0.value.losses <= 1 }
    fibrilsToForgetAt = fibrils.count + Self.mostSilentFibrils
  }

  private mutating func leave(_ fibril: UInt64, _ state: TraceEvents.FibrilState, _ number: UInt64) {
    if state == .dead {
      fibrils[fibril] = nil
      return
    }
    change(fibril, number) {
      // It may have been woken between its block and this switch.
      if state != .blocked || $0.state != .runnable { $0.state = state }
    }
  }

  private mutating func change(_ fibril: UInt64, _ number: UInt64, _ body: (inout FibrilState) -> Void) {
    var state = fibrils[fibril, default: FibrilState(state: .none, losses: losses)]
    if state.losses != losses {
      state.losses = losses
      state.state = .none
    }
    body(&state)
    if state.state != .blocked {
      state.reason = .none
      state.object = 0
      state.deadline = 0
    }
    state.nextNumber = number
    fibrils[fibril] = state
  }

  /// The task in a snapshot; `nextNumber` is that of its next record.
  func snapshot(nextNumber: UInt64) -> TaskSnapshot {
    TaskSnapshot(
      task: task, threadID: threadID, running: running ?? Self.unknown, root: root,
      runnable: UInt64(fibrils.values.count { $0.state == .runnable }), nextNumber: max(nextNumber, shownBelow),
      counts: EventCounts())
  }

  /// Its fibrils in a snapshot, in order of their ids.
  func fibrilSnapshots() -> [FibrilSnapshot] {
    fibrils.keys.sorted().map { id in
      let state = fibrils[id]!
      var fibril = FibrilSnapshot(fibril: id, task: task, state: state.state)
      fibril.reason = state.reason
      fibril.name = state.name
      fibril.call = state.call
      fibril.isCall = state.isCall
      fibril.isRoot = state.isRoot
      fibril.parent = state.parent
      fibril.entry = state.entry
      fibril.object = state.object
      fibril.since = state.since
      fibril.deadline = state.deadline
      fibril.nextNumber = state.nextNumber
      fibril.changedWhileRead = state.losses != losses
      return fibril
    }
  }
}
