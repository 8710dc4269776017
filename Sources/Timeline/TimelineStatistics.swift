// The numbers of a trace, counted as it goes by.

public import TraceEvents

/// What a timeline counted so far.
public struct TimelineStatistics: Equatable, Sendable {
  /// Every event that arrived, by kind. An event that a snapshot already showed is counted too.
  public internal(set) var counts = EventCounts()
  /// Events that arrived, of all kinds.
  public internal(set) var events: UInt64 = 0
  /// Records that never arrived.
  public internal(set) var lost: UInt64 = 0
  /// Closures and calls that were there already or whose submit arrived. Where submits were lost, there were more: of
  /// what shows only later nothing tells whether it is a root. A `.fbt` file counts the same.
  public internal(set) var fibrils: UInt64 = 0
  /// Tasks seen.
  public internal(set) var tasks: UInt64 = 0
  /// The call that took longest from submit (or block) to its end, if any whole one was seen.
  public internal(set) var slowestCall: SlowCall?

  /// A system call and how long it took.
  public struct SlowCall: Equatable, Sendable {
    /// The number of the system call.
    public var call: UInt32
    /// Nanoseconds.
    public var duration: UInt64
    /// Who submitted it, or made it and was blocked by it.
    public var caller: FibrilLabel
  }

  /// Nothing.
  public init() {}

  /// Adds those of another process.
  public mutating func add(_ other: TimelineStatistics) {
    counts.add(other.counts)
    events &+= other.events
    lost &+= other.lost
    fibrils &+= other.fibrils
    tasks &+= other.tasks
    if let slowest = other.slowestCall { note(call: slowest.call, duration: slowest.duration, caller: slowest.caller) }
  }

  mutating func note(call: UInt32, duration: UInt64, caller: FibrilLabel) {
    if let slowest = slowestCall, slowest.duration >= duration { return }
    slowestCall = SlowCall(call: call, duration: duration, caller: caller)
  }

  mutating func count(_ body: Event.Body) {
    switch body {
    case .taskStart, .taskStop: break
    case .submitCall, .submitClosure: counts.submits &+= 1
    case .switch(_, to: 0, _): counts.sleeps &+= 1
    case .switch(from: 0, _, _): counts.resumes &+= 1
    case .switch: counts.switches &+= 1
    case .block: counts.blocks &+= 1
    case .wake: counts.wakes &+= 1
    case .teardown: counts.teardowns &+= 1
    case .lost(let records):
      lost &+= records
      return
    }
    events &+= 1
  }
}
