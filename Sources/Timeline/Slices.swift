// What a timeline tells its sink: fibrils and tasks as they appear, and stretches of time once they end.
//
// All times are CLOCK_MONOTONIC in nanoseconds, never before the start of the trace, and the slices of one fibril or
// one task never overlap and leave no hole.

public import TraceEvents

/// What a fibril is, as far as the events told.
public enum FibrilKind: UInt8, Sendable {
  case closure
  /// A submitted system call.
  case call
  /// The submitter of a task itself.
  case root
  /// Its submit was not seen.
  case unknown
}

/// Enough to print a fibril: its id, and what names it.
public struct FibrilLabel: Hashable, Sendable {
  /// The fibril's id; 0: none.
  public var fibril: UInt64
  /// Index into the process's name table; 0: none.
  public var name: UInt32
  /// What it is.
  public var kind: FibrilKind

  /// A label of these parts.
  public init(fibril: UInt64, kind: FibrilKind, name: UInt32 = 0) {
    self.fibril = fibril
    self.kind = kind
    self.name = name
  }

  /// No fibril.
  public static let none = FibrilLabel(fibril: 0, kind: .unknown)
}

/// A task that has been seen for the first time.
public struct TaskAnnouncement: Equatable, Sendable {
  /// The task's id.
  public var task: UInt64
  /// Its thread; 0: not known.
  public var threadID: UInt32
  /// When it was first seen.
  public var time: UInt64
}

/// A fibril that has been seen for the first time, before its first slice.
public struct FibrilAnnouncement: Equatable, Sendable {
  /// The fibril.
  public var label: FibrilLabel
  /// Its task, which it never leaves.
  public var task: UInt64
  /// Who submitted it; 0: not known.
  public var parent: UInt64
  /// The address of its code; 0: none, or not known.
  public var entry: UInt64
  /// The number of the system call, if it is one.
  public var call: UInt32?
  /// When it was first seen.
  public var time: UInt64
}

/// What a fibril does during a slice.
public enum SliceState: UInt8, Sendable {
  /// A call between its submit and its block.
  case created
  case runnable
  case running
  case blocked
  /// Records that could have told were lost, or the fibril was there before the trace.
  case unknown
}

/// A stretch of time that a fibril spent in one state.
public struct StateSlice: Equatable, Sendable {
  /// The fibril.
  public var label: FibrilLabel
  /// Its task.
  public var task: UInt64
  /// What it did.
  public var state: SliceState
  /// Why it was blocked; `.none` in every other state, and where the reason was lost.
  public var reason: BlockReason
  /// The recording's id of the user stack that it blocked with; 0: not recorded.
  public var stack: UInt32 = 0
  /// What it waited for, by `reason`.
  public var object: UInt64
  /// Where the slice begins in the trace.
  public var begin: UInt64
  /// Where it ends.
  public var end: UInt64
  /// When the state really began; before `begin` if it is older than the trace.
  public var since: UInt64
  /// The fibril was still in this state when the trace or its task ended.
  public var isOpenEnded: Bool
  /// Records were lost at its end: the state lasted at least so long.
  public var isCut = false
}

/// The end of a fibril or call: its teardown.
public struct FibrilEnd: Equatable, Sendable {
  /// The fibril.
  public var label: FibrilLabel
  /// When it was submitted; nil: not known.
  public var submitted: UInt64?
  /// When it ended.
  public var time: UInt64
}

/// What a task does during a slice.
public enum TaskActivity: Equatable, Sendable {
  case running(FibrilLabel)
  /// It waits in the kernel: no fibril can run.
  case asleep
  case unknown
}

/// A stretch of time in which a task did one thing.
public struct TaskSlice: Equatable, Sendable {
  /// The task.
  public var task: UInt64
  /// Its thread; 0: not known.
  public var threadID: UInt32
  /// What it did.
  public var activity: TaskActivity
  /// Where the slice begins.
  public var begin: UInt64
  /// Where it ends.
  public var end: UInt64
  /// It was still so when the trace ended.
  public var isOpenEnded: Bool
}

/// How a submitted call ended.
public enum CallEnding: Equatable, Sendable {
  /// It returned this code, -errno on failure.
  case returned(Int64)
  /// It had not returned when the trace or its task ended.
  case unfinished
  /// Records were lost, and nothing is known of it after the end of its slice.
  case lost
}

/// A submitted call, from its submit to its teardown.
public struct CallSlice: Equatable, Sendable {
  /// The call as a fibril.
  public var fibril: UInt64
  /// Its task.
  public var task: UInt64
  /// Who submitted it.
  public var parent: FibrilLabel
  /// The number of the system call.
  public var call: UInt32
  /// Where it begins in the trace.
  public var begin: UInt64
  /// Where it ends.
  public var end: UInt64
  /// When it was really submitted, as far as is known; before `begin` if it is older than the trace.
  public var since: UInt64
  /// How it ended.
  public var ending: CallEnding
  /// It never blocked, and lies within one slice of its parent. Otherwise it was pending.
  public var isInline: Bool
  /// Records were lost while it lived.
  public var hasLoss: Bool
}

/// From a wake to the switch to the woken fibril that follows it. It is told after the running slice that it leads to.
public struct WakeFlow: Equatable, Sendable {
  /// The fibril that woke, of `wakerTask`; 0: none (a thread without fibrils, the kernel).
  public var waker: UInt64
  /// The task of the waker; 0: none.
  public var wakerTask: UInt32
  /// When the waker acted.
  public var wakeTime: UInt64
  /// Who was woken.
  public var woken: FibrilLabel
  /// Its task.
  public var task: UInt64
  /// When it became runnable: its runnable slice begins here.
  public var runnableTime: UInt64
  /// When it ran again: its running slice begins here.
  public var switchTime: UInt64
}

/// Records of a task that never arrived.
public struct LostRange: Equatable, Sendable {
  /// The task.
  public var task: UInt64
  /// Its thread; 0: not known.
  public var threadID: UInt32
  /// How many records.
  public var records: UInt64
  /// The last record before them.
  public var begin: UInt64
  /// The first event after them, or the end of the trace.
  public var end: UInt64
}
