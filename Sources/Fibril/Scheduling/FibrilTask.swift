internal import CFibril
internal import CFibrilContract
internal import Glibc

/// A thread that hosts fibrils: makes the calling thread a task, until the value is destroyed.
///
/// ```swift
/// let task = try FibrilTask()
/// let worker = try task.spawn(name: "worker") { print("on a stack of its own") }
/// try worker.join()
/// ```
///
/// The calling thread itself becomes the task's root fibril. A task and its fibrils never leave
/// their thread, so the value can not be sent to another. Its end waits for all its fibrils and all
/// its submitted calls.
public struct FibrilTask: ~Copyable {
  private let core: TaskRef

  /// How a task gets things done.
  public struct Options: Sendable {
    /// Whether calls go through io_uring where it has the operation. Without it, and where the
    /// kernel refuses it, they go to helper threads.
    public var usesIOUring = true
    /// Whether calls that look up names or list directories run in turn on the task's thread while
    /// the last ones came back at once. Without it they go to helper threads: for file systems that
    /// may hang, as over a network.
    public var runsFileCallsInline = true
    /// For debugging: whether all fibrils of the task count as one to Swift's check for exclusive
    /// access, so that a variable which two of them modify at a time, one across a switch, stops the
    /// program. Such conflicts go unseen otherwise, for each fibril is checked by itself. The environment
    /// variable `FIBRIL_SHARED_EXCLUSIVITY=1` does the same.
    public var sharesOpenAccesses = false
    /// The real-time signal that interrupts a call on a helper thread. Its handler is installed when
    /// the first such call is interrupted, and stays; nobody else in the process may handle it.
    public var interruptSignal: Int32 = Self.defaultInterruptSignal

    /// `SIGRTMIN + 5`: 39 with the GNU C library.
    public static var defaultInterruptSignal: Int32 { __libc_current_sigrtmin() + 5 }

    public init() {}
  }

  /// Makes the calling thread a task. Not inside a `withValue` of a task-local: whose values are whose can
  /// not be told then, and fibrils would see each other's.
  /// - Throws: `FibrilError` when the thread is one already or runs a Swift task, or for want of memory
  ///   or descriptors.
  public init(options: Options = Options()) throws(FibrilError) {
    guard currentTask() == nil else {
      throw FibrilError(action: "make a task: this thread is one already", code: EEXIST)
    }
    guard !fibril_thread_runs_swift_task() else {
      throw FibrilError(
        action: """
          make a task in async code, whose thread is Swift's: use a FibrilGroup, or make a thread of your own
          """, code: EPERM)
    }
    core = try makeTask(options)
  }

  /// The task's id, unique in the process and never used again.
  public var id: UInt64 { core.pointee.id }

  /// What has happened in this task so far.
  public var counts: EventCounts { EventCounts(core.pointee.slot.pointee.counts) }

  /// A new fibril, which runs `body` when its turn comes.
  ///
  /// - Parameters:
  ///   - name: What dumps and traces call it; at most 63 bytes of it.
  ///   - stackBytes: The usable size of its stack, rounded up; 60 KiB if not given.
  /// - Returns: A handle to wait for it. Without it the fibril runs all the same.
  /// - Throws: `FibrilError` for want of memory.
  @discardableResult
  public func spawn(
    name: String? = nil, stackBytes: Int = Fibril.defaultStackBytes, _ body: consuming @escaping () -> Void
  ) throws(FibrilError) -> Fibril {
    try Fibril.spawn(on: core, name: name, stackBytes: stackBytes, body)
  }

  /// Blocks the calling fibril until every fibril spawned on this task has ended.
  public func joinAll() { core.joinAll() }

  /// The value goes and the task stays, until `ThreadsTask.stop`.
  package consuming func leave() { discard self }

  deinit { stopTask(core) }
}

/// How often each kind of event has happened in a task.
public struct EventCounts: Equatable, Sendable {
  public var submits: UInt64
  public var blocks: UInt64
  public var wakes: UInt64
  /// From a fibril to another.
  public var switches: UInt64
  /// From a fibril to the kernel's sleep, and from there to a fibril.
  public var sleeps: UInt64
  public var resumes: UInt64
  public var teardowns: UInt64
  /// Calls run in turn on the task's thread that took longer than `InlineCalls` allows.
  public var inlineStalls: UInt64

  init(_ counts: fibril_counts) {
    submits = counts.submits
    blocks = counts.blocks
    wakes = counts.wakes
    switches = counts.switches
    sleeps = counts.sleeps
    resumes = counts.resumes
    teardowns = counts.teardowns
    inlineStalls = counts.inline_stalls
  }
}
