// Brings the events of several tasks into one order of time, with memory for what lies between two marks.

public import TraceEvents

/// An event in its place among those of all tasks.
public struct OrderedEvent: Equatable, Sendable {
  /// Where it stands, CLOCK_MONOTONIC in ns: no event in front of it has a later one.
  ///
  /// That is the event's own time, but not before the time of the event in front of it in its task, nor before a mark
  /// that it comes after. Only a wake, which carries the time at which its waker acted, can be older than that: it
  /// stands where its task noted it.
  public var time: UInt64
  /// The process's number in the recording.
  public var process: Int
  public var event: Event
}

/// Holds events until nothing older can come.
public struct EventMerger {
  private struct TaskKey: Hashable {
    var process: Int
    var task: UInt64
  }

  private var held: [OrderedEvent] = []
  /// Everything earlier has been handed out.
  private var floor: UInt64 = 0
  /// The time of each task's last event, where it is later than the floor.
  private var clocks: [TaskKey: UInt64] = [:]

  /// So many events are held at most, three quarters of a second at the highest rate. Beyond that the older half goes
  /// out before its mark has come, and what should have stood among it stands behind it.
  static let mostHeld = 1 << 21

  /// A merger that holds nothing.
  public init() {}

  /// Takes successive events of one process; of each task they come in the order of their numbers.
  public mutating func add(_ events: [Event], of process: Int) {
    var key = TaskKey(process: process, task: 0)
    var clock: UInt64 = 0
    var isKnown = false
    for event in events {
      if !isKnown || event.task != key.task {
        if isKnown { clocks[key] = clock }
        key.task = event.task
        clock = clocks[key] ?? 0
        isKnown = true
      }
      clock = max(clock, event.time, floor)
      held.append(OrderedEvent(time: clock, process: process, event: event))
    }
    if isKnown { clocks[key] = clock }
  }

  /// Forgets a process of which no more events come; those that are held stay.
  public mutating func end(_ process: Int) {
    clocks = clocks.filter { $0.key.process != process }
  }

  /// Hands out, in order, what can no longer be preceded: everything recorded before `time` has been added.
  public mutating func mark(_ time: UInt64, _ take: (OrderedEvent) -> Void) {
    guard time > floor else { return }
    release(before: time, take)
    floor = time
    // Nothing can stand before the mark any more, whatever its task's clock was: tasks come and go.
    clocks = clocks.filter { $0.value > time }
  }

  /// Hands out the older half if too much is held.
  public mutating func relieve(_ take: (OrderedEvent) -> Void) {
    guard held.count >= Self.mostHeld else { return }
    held.sort(by: Self.isEarlier)
    let half = held.count / 2
    for event in held[..<half] { take(event) }
    floor = max(floor, held[half - 1].time)
    held.removeFirst(half)
  }

  /// Hands out everything.
  public mutating func finish(_ take: (OrderedEvent) -> Void) {
    held.sort(by: Self.isEarlier)
    for event in held { take(event) }
    held = []
  }

  /// The processes of which events are held.
  var heldProcesses: Set<Int> { Set(held.lazy.map(\.process)) }

  /// Tasks of which a clock is kept.
  var clockCount: Int { clocks.count }

  private mutating func release(before time: UInt64, _ take: (OrderedEvent) -> Void) {
    let rest = held.partition { $0.time >= time }
    held[..<rest].sort(by: Self.isEarlier)
    for event in held[..<rest] { take(event) }
    held.removeFirst(rest)
  }

  /// At one time, a task's events keep the order of their numbers.
  private static func isEarlier(_ one: OrderedEvent, _ other: OrderedEvent) -> Bool {
    if one.time != other.time { return one.time < other.time }
    if one.process != other.process { return one.process < other.process }
    if one.event.task != other.event.task { return one.event.task < other.event.task }
    return one.event.number < other.event.number
  }
}
