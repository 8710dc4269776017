// Which fibrils of a dump are shown, and in which order.
internal import Glibc
public import TraceEvents

/// Chooses fibrils. All conditions must hold; an empty one always does.
public struct Selection: Sendable {
  /// How the chosen fibrils are sorted.
  public enum Order: Sendable {
    /// By task, and by id in it.
    case task
    case id
    /// The oldest first; those of unknown age last.
    case age
  }

  /// Any of these states.
  public var states: Set<FibrilState> = []
  /// In its state for at least as many nanoseconds; a fibril of unknown age is not. nil: any age.
  public var minimumAge: UInt64?
  /// Its name, as the dump shows it, matches any of these patterns of the shell.
  public var names: [String] = []
  /// Any of these ids.
  public var fibrils: Set<UInt64> = []
  /// Its task has any of these thread ids.
  public var threads: Set<UInt32> = []
  public var order = Order.task

  /// Chooses all fibrils.
  public init() {}

  /// Whether it leaves anything out.
  public var isPartial: Bool {
    !(states.isEmpty && minimumAge == nil && names.isEmpty && fibrils.isEmpty && threads.isEmpty)
  }

  /// Whether a fibril's stack has to be read for a dump in this form, as far as its entry alone tells.
  public func wantsStack(of fibril: FibrilSnapshot, for format: DumpFormat) -> Bool {
    // What holds a task up is always told, and the stacks of deadlocks, which are not known yet.
    if fibril.state == .running { return true }
    guard format != .counts else { return false }
    return fibril.reason == .mutex || fibril.reason == .join
      || (states.isEmpty || states.contains(fibril.state)) && (fibrils.isEmpty || fibrils.contains(fibril.fibril))
  }

  /// The indices of the chosen fibrils in their order.
  func choose(from dump: ProcessDump, _ names: FibrilNames) -> [Int] {
    let tasks = Set(dump.process.tasks.filter { threads.contains($0.threadID) }.map(\.task))
    let chosen = dump.fibrils.indices.filter { index in
      let fibril = dump.fibrils[index].snapshot
      return (states.isEmpty || states.contains(fibril.state))
        && (fibrils.isEmpty || fibrils.contains(fibril.fibril))
        && (threads.isEmpty || tasks.contains(fibril.task))
        && isOldEnough(dump.age(of: fibril))
        && (self.names.isEmpty || matches(names.name(of: fibril)))
    }
    // What dumps hold is sorted by task and id.
    return switch order {
    case .task: chosen
    case .id: chosen.sorted { dump.fibrils[$0].snapshot.fibril < dump.fibrils[$1].snapshot.fibril }
    case .age: Self.oldestFirst(chosen, dump)
    }
  }

  private func isOldEnough(_ age: UInt64?) -> Bool {
    guard let minimumAge else { return true }
    return age.map { $0 >= minimumAge } ?? false
  }

  private func matches(_ name: String) -> Bool {
    // Safe: both texts live as long as the call.
    names.contains { unsafe fnmatch($0, name, 0) == 0 }
  }

  private static func oldestFirst(_ chosen: [Int], _ dump: ProcessDump) -> [Int] {
    // 0 is an unknown time.
    func time(_ index: Int) -> (UInt64, Int) { (dump.fibrils[index].snapshot.since &- 1, index) }
    return chosen.sorted { time($0) < time($1) }
  }
}

extension ProcessDump {
  /// For how many nanoseconds a fibril has been in its state; nil if nobody knows.
  func age(of fibril: FibrilSnapshot) -> UInt64? {
    guard fibril.since > 0 else { return nil }
    return process.time > fibril.since ? process.time - fibril.since : 0
  }
}
