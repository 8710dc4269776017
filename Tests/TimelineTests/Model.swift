// A process invented by a seed: it makes the events of a few tasks and knows the truth about every moment. Its table can
// be read while it goes on, entry by entry, as from outside.

import Timeline
import TraceEvents

/// The same numbers for the same seed.
struct Random {
  private var state: UInt64
  init(seed: UInt64) { state = seed &* 0x9E37_79B9_7F4A_7C15 &+ 1 }

  mutating func below(_ bound: Int) -> Int {
    state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
    return Int((state >> 33) % UInt64(bound))
  }
  mutating func chance(_ percent: Int) -> Bool { below(100) < percent }
  mutating func pick<Element>(_ list: [Element]) -> Element { list[below(list.count)] }
}

/// One task of the invented process.
struct Model {
  struct Fibril {
    var isCall = false
    var isRoot = false
    var state: FibrilState
    var reason = BlockReason.none
    var object: UInt64 = 0
    var since: UInt64
    var nextNumber: UInt64
    var parent: UInt64
    /// Every state it was in, and from when.
    var truth: [(time: UInt64, state: SliceState)]
  }

  /// So much later than the waker acted, its wake is recorded at most.
  static let longestWakeDelay: UInt64 = 3

  let task: UInt64
  var random: Random
  var time: UInt64
  var events: [Event] = []
  var running: UInt64
  var fibrils: [UInt64: Fibril] = [:]
  /// What the task did, and from when; 0 is asleep.
  var truth: [(time: UInt64, running: UInt64)]
  private let root: UInt64
  /// Whether it records wakes of fibrils that are not blocked, as our own runtime does not.
  private let recordsAllWakes: Bool
  private var nextID: UInt64

  init(task: UInt64, seed: UInt64, recordsAllWakes: Bool) {
    self.recordsAllWakes = recordsAllWakes
    self.task = task
    random = Random(seed: seed)
    time = 1000 + UInt64(random.below(50))
    root = task * 1_000_000
    nextID = root + 1
    running = root
    truth = [(time, root)]
    add(root, Fibril(isRoot: true, state: .running, since: time, nextNumber: 0, parent: 0, truth: []), .running)
    record(.taskStart(root: root, threadID: UInt32(task)))
  }

  private var nextNumber: UInt64 { UInt64(events.count) }

  private mutating func record(_ body: Event.Body, time: UInt64? = nil) {
    events.append(Event(time: time ?? self.time, task: task, number: nextNumber, body: body))
  }

  private mutating func add(_ id: UInt64, _ fibril: Fibril, _ state: SliceState) {
    fibrils[id] = fibril
    fibrils[id]!.truth = [(time, state)]
  }

  /// A change of state is written before its record is made.
  private mutating func set(_ id: UInt64, _ state: FibrilState, _ shown: SliceState, at when: UInt64? = nil) {
    fibrils[id]!.state = state
    fibrils[id]!.nextNumber = nextNumber
    fibrils[id]!.truth.append((max(when ?? time, fibrils[id]!.truth.last!.time), shown))
    if state != .running { fibrils[id]!.since = when ?? time }
  }

  private func all(_ isIncluded: (Fibril) -> Bool) -> [UInt64] {
    fibrils.keys.sorted().filter { isIncluded(fibrils[$0]!) }
  }

  // MARK: Steps

  mutating func step() {
    time += UInt64(random.below(3) == 0 ? 0 : random.below(20))
    if running == 0 { return stepAsleep() }
    switch random.below(100) {
    case ..<15: submitClosure()
    case ..<25: submitCall(pends: false)
    case ..<40: submitCall(pends: true)
    case ..<55: wakeSome()
    case ..<65: advanceCall()
    case ..<75: yield()
    case ..<93: blockRunning()
    default: endRunning()
    }
  }

  private mutating func stepAsleep() {
    if random.chance(30) { return advanceCall() }
    wakeSome()
    if let next = all({ $0.state == .runnable && !$0.isCall }).first { turn(to: next) }
  }

  private mutating func submitClosure() {
    add(
      nextID, Fibril(state: .runnable, since: time, nextNumber: nextNumber, parent: running, truth: []), .runnable)
    record(.spawn(nextID, by: running))
    nextID += 1
  }

  private mutating func submitCall(pends: Bool) {
    let id = nextID
    nextID += 1
    add(
      id, Fibril(isCall: true, state: .none, since: time, nextNumber: nextNumber, parent: running, truth: []), .created)
    record(.call(id, by: running))
    time += UInt64(random.below(3))
    pends ? block(id, .call, 35) : end(id)
  }

  private mutating func block(_ id: UInt64, _ reason: BlockReason, _ object: UInt64) {
    set(id, .blocked, .blocked)
    fibrils[id]!.reason = reason
    fibrils[id]!.object = object
    record(.block(id, reason, object))
  }

  private mutating func end(_ id: UInt64) {
    set(id, .dead, .unknown)
    record(.end(id, -11))
  }

  /// By the running fibril or by a stranger, perhaps a little earlier; of the blocked mostly.
  private mutating func wakeSome() {
    let candidates = all {
      !$0.isCall && ($0.state == .blocked || (recordsAllWakes && $0.state != .dead && $0.since % 7 == 0))
    }
    if candidates.isEmpty { return }
    let id = random.pick(candidates)
    let when = time - UInt64(random.below(Int(Self.longestWakeDelay) + 1))
    let waker = running != 0 && running != id && random.chance(50) ? running : 0
    if fibrils[id]!.state == .blocked { set(id, .runnable, .runnable, at: when) }
    record(.wake(fibril: id, byTask: waker == 0 ? 0 : UInt32(task), byFibril: waker), time: when)
  }

  private mutating func advanceCall() {
    let calls = all { $0.isCall && ($0.state == .blocked || $0.state == .runnable) }
    if calls.isEmpty { return }
    let id = random.pick(calls)
    if fibrils[id]!.state == .runnable { return end(id) }
    let when = time - UInt64(random.below(Int(Self.longestWakeDelay) + 1))
    set(id, .runnable, .runnable, at: when)
    record(.wake(fibril: id, byTask: 0, byFibril: 0), time: when)
  }

  private mutating func yield() {
    if let next = all({ $0.state == .runnable && !$0.isCall }).first { turn(to: next) }
  }

  private mutating func blockRunning() {
    block(running, random.pick([.call, .join, .sleep]), 35)
    if random.chance(15) { wakeSome() }
    turn(to: all { $0.state == .runnable && !$0.isCall }.first ?? 0)
  }

  private mutating func endRunning() {
    if running == root { return }
    end(running)
    turn(to: all { $0.state == .runnable && !$0.isCall }.first ?? 0)
  }

  /// Switches to `next`; to the running fibril itself if it was woken meanwhile.
  private mutating func turn(to next: UInt64) {
    let previous = running
    var previousState = FibrilState.none
    if previous != 0 {
      previousState = fibrils[previous]!.state == .running ? .runnable : fibrils[previous]!.state
      if fibrils[previous]!.state == .running { set(previous, .runnable, .runnable) }
    }
    if next != 0 { set(next, .running, .running) }
    running = next
    truth.append((time, next))
    record(.switch(from: previous, to: next, previousState: previousState))
  }

  // MARK: The table

  func entry(_ id: UInt64) -> FibrilSnapshot {
    let fibril = fibrils[id]!
    var entry = FibrilSnapshot(fibril: id, task: task, state: fibril.state)
    entry.isCall = fibril.isCall
    entry.isRoot = fibril.isRoot
    entry.call = fibril.isCall ? 35 : nil
    entry.since = fibril.since
    entry.nextNumber = fibril.nextNumber
    entry.parent = fibril.parent
    if fibril.state == .blocked {
      entry.reason = fibril.reason
      entry.object = fibril.object
    }
    return entry
  }

  func taskEntry() -> TaskSnapshot {
    TaskSnapshot(
      task: task, threadID: UInt32(task), running: running, root: root, runnable: 0, nextNumber: nextNumber,
      counts: EventCounts())
  }

  /// The state of a fibril from `begin` to `end`, if it was one alone; nil if not. Moments have many.
  func was(_ id: UInt64, _ state: SliceState, _ begin: UInt64, _ end: UInt64) -> Bool {
    let truth = fibrils[id]!.truth
    return truth.indices.contains { index in
      truth[index].state == state && truth[index].time <= begin
        && (index + 1 == truth.count || end <= truth[index + 1].time)
    }
  }
}
