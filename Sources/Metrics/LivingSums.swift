// What lives at one moment, added up from a timeline.
internal import Timeline
internal import TraceEvents

/// Counts who lives, task by task, and finds who has waited longest.
struct LivingSums {
  /// CLOCK_MONOTONIC in ns.
  let time: UInt64
  private(set) var tasks: [Load] = []
  private(set) var figures = LivingFigures()
  /// Longest first.
  private(set) var slowest: [LivingFibril] = []
  private var reasons = [(count: UInt64, oldest: UInt64)](repeating: (0, 0), count: BlockReasonNames.names.count + 1)

  private static let mostSlowest = 16

  struct Load {
    var task: LivingTask
    var fibrils: UInt64 = 0
    var runnable: UInt64 = 0
  }

  init(at time: UInt64) {
    self.time = time
  }

  mutating func add(_ task: LivingTask) {
    tasks.append(Load(task: task))
  }

  /// Adds a fibril of the last task.
  mutating func add(_ fibril: LivingFibril) {
    let age = age(of: fibril)
    if !tasks.isEmpty { tasks[tasks.count - 1].fibrils &+= 1 }
    if fibril.state == .unknown {
      figures.unknown &+= 1
    } else if fibril.label.kind == .call {
      figures.pendingCalls &+= 1
      note(fibril, age)
    } else {
      switch fibril.state {
      case .running: figures.running &+= 1
      case .runnable:
        figures.runnable &+= 1
        figures.oldestRunnable = max(figures.oldestRunnable, age)
        if !tasks.isEmpty { tasks[tasks.count - 1].runnable &+= 1 }
        note(fibril, age)
      case .blocked:
        figures.blocked &+= 1
        let reason = Int(min(fibril.reason.rawValue, UInt32(reasons.count - 1)))
        reasons[reason].count &+= 1
        reasons[reason].oldest = max(reasons[reason].oldest, age)
        // Whoever submits all work and waits for it has always waited longest.
        if fibril.label.kind == .root, fibril.reason == .join || fibril.reason == .completions { return }
        note(fibril, age)
      case .created, .unknown: break
      }
    }
  }

  func age(of fibril: LivingFibril) -> UInt64 { time &- min(time, fibril.since) }

  private mutating func note(_ fibril: LivingFibril, _ age: UInt64) {
    if slowest.count == Self.mostSlowest, self.age(of: slowest[Self.mostSlowest - 1]) >= age { return }
    let place = slowest.firstIndex { self.age(of: $0) < age } ?? slowest.count
    slowest.insert(fibril, at: place)
    if slowest.count > Self.mostSlowest { slowest.removeLast() }
  }

  /// Names the reasons; what has no name is `other`.
  mutating func finish() -> LivingFigures {
    var named: [String: (count: UInt64, oldest: UInt64)] = [:]
    for (number, all) in reasons.enumerated() where all.count > 0 {
      let name = number == 0 ? "other" : BlockReasonNames.name(of: BlockReason(rawValue: UInt32(number))) ?? "other"
      named[name, default: (0, 0)].count &+= all.count
      named[name]!.oldest = max(named[name]!.oldest, all.oldest)
    }
    figures.reasons = named.map { (reason: $0.key, count: $0.value.count, oldest: $0.value.oldest) }
      .sorted { $0.reason < $1.reason }
    return figures
  }
}
