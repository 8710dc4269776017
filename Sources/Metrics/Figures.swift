// What the metrics of processes come to at one moment: plain values, for a table, a page, or Prometheus.

public import Timeline
public import TraceEvents

/// The figures of everything that is followed, at one moment.
public struct Figures: Sendable {
  /// The moment, CLOCK_MONOTONIC in ns: everything recorded before it is in the figures.
  public var time: UInt64
  /// In the order in which they began: those that live, and the latest of those that have ended.
  public var processes: [ProcessFigures]
  /// Processes that ended, and of those the ones that are not among `processes` any more.
  public var endedProcesses: UInt64
  public var forgottenProcesses: UInt64
  /// Events and lost records of all processes, the forgotten ones among them.
  public var events: UInt64
  public var lost: UInt64
}

/// The figures of one process image.
public struct ProcessFigures: Sendable {
  public var process: RecordedProcess
  /// For how long it has been followed, in ns.
  public var duration: UInt64
  public var counts: EventCounts
  /// Events that arrived, and records that never did.
  public var events: UInt64
  public var lost: UInt64
  /// How fibrils and calls ended: `ok`, or an error's name; `other` is an error without one. Sorted by count.
  public var results: [(name: String, count: UInt64)]

  /// From becoming runnable (by a wake, its submit, or a yield) to the switch to it.
  public var runQueueWait: LatencyFigures
  /// From the switch to a fibril to the switch away from it.
  public var running: LatencyFigures
  /// From a block to the wake, by reason (`mutex`, `wake_target`). Pending calls count as `call`. Longest sum first.
  public var blocked: [(reason: String, latency: LatencyFigures)]
  /// Of those for a call, by the call's name; `other` if it has none.
  public var calls: [(call: String, latency: LatencyFigures)]
  /// From submit to teardown: of closures, and of submitted calls.
  public var closureLifetime: LatencyFigures
  public var callLifetime: LatencyFigures

  public var living: LivingFigures
  /// By task id.
  public var tasks: [TaskFigures]
  /// Time its tasks ran fibrils, and slept in the kernel, in ns. Never decreases.
  public var busyTime: UInt64
  public var sleepTime: UInt64
  /// Who has been waiting longest, longest first.
  public var slowest: [WaitFigures]
  /// How it ended; nil: it lives.
  public var ending: ProcessEnding?
}

/// How many fibrils and calls live, by what they do.
public struct LivingFigures: Equatable, Sendable {
  public var runnable: UInt64 = 0
  public var running: UInt64 = 0
  /// Closures and roots that wait.
  public var blocked: UInt64 = 0
  /// Submitted calls that have not ended.
  public var pendingCalls: UInt64 = 0
  public var unknown: UInt64 = 0
  /// The blocked ones by reason, and for how long the first of them has been so, in ns. Submitted calls are not among
  /// them.
  public var reasons: [(reason: String, count: UInt64, oldest: UInt64)] = []
  /// For how long the first of the runnable ones has waited, in ns.
  public var oldestRunnable: UInt64 = 0

  public init() {}

  public static func == (left: Self, right: Self) -> Bool {
    left.runnable == right.runnable && left.running == right.running && left.blocked == right.blocked
      && left.pendingCalls == right.pendingCalls && left.unknown == right.unknown
      && left.oldestRunnable == right.oldestRunnable
      && left.reasons.elementsEqual(right.reasons) { $0 == $1 }
  }
}

/// A task's load.
public struct TaskFigures: Equatable, Sendable {
  public var task: UInt64
  /// 0: not known.
  public var threadID: UInt32
  /// Time it ran fibrils, and slept in the kernel, in ns. A loss takes back what seemed so since its latest event.
  public var busyTime: UInt64
  public var sleepTime: UInt64
  /// How much of the last seconds it was busy, from 0 to 1.
  public var load: Double
  public var fibrils: UInt64
  public var runnable: UInt64
}

/// A fibril that waits.
public struct WaitFigures: Equatable, Sendable {
  public var fibril: UInt64
  public var task: UInt64
  /// Empty: it has none.
  public var name: String
  /// `blocked`, `runnable`, or `pending` for a submitted call.
  public var state: String
  /// Empty unless it is blocked or pending.
  public var reason: String
  /// The call it waits for or is; empty: none.
  public var call: String
  /// In ns.
  public var age: UInt64
}
