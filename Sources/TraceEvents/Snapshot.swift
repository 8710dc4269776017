/// What a process's fibril table said at one moment. Plain data: `Inspection` fills it from a live
/// process or a core file, the timeline starts from it and the dump prints it. Times are
/// CLOCK_MONOTONIC in nanoseconds.
public struct ProcessSnapshot: Equatable, Sendable {
  public var processID: Int32
  public var command: String
  public var ident: UInt64
  /// When the table was read.
  public var time: UInt64
  public var runtime: String
  public var tasks: [TaskSnapshot] = []
  public var fibrils: [FibrilSnapshot] = []
  /// By index; index 0 is empty.
  public var names: [String] = []

  public init(processID: Int32, command: String, ident: UInt64, time: UInt64, runtime: String) {
    self.processID = processID
    self.command = command
    self.ident = ident
    self.time = time
    self.runtime = runtime
  }
}

public struct TaskSnapshot: Equatable, Sendable {
  public var task: UInt64
  public var threadID: UInt32
  /// The fibril that runs; 0: the task sleeps in the kernel.
  public var running: UInt64
  public var root: UInt64
  public var runnable: UInt64
  public var nextNumber: UInt64
  public var counts: EventCounts
  /// Threads that make calls for the task, and calls that wait for one of them.
  public var helpers: UInt64 = 0
  public var helperQueue: UInt64 = 0

  public init(
    task: UInt64, threadID: UInt32, running: UInt64, root: UInt64, runnable: UInt64, nextNumber: UInt64,
    counts: EventCounts
  ) {
    self.task = task
    self.threadID = threadID
    self.running = running
    self.root = root
    self.runnable = runnable
    self.nextNumber = nextNumber
    self.counts = counts
  }
}

/// How often each kind of event happened; the same fields as `struct fibril_counts`.
public struct EventCounts: Equatable, Sendable {
  public var submits: UInt64 = 0
  public var blocks: UInt64 = 0
  public var wakes: UInt64 = 0
  /// From a fibril to another.
  public var switches: UInt64 = 0
  /// From a fibril to 0: the task went to sleep in the kernel.
  public var sleeps: UInt64 = 0
  /// From 0 to a fibril.
  public var resumes: UInt64 = 0
  public var teardowns: UInt64 = 0
  /// Calls made in turn that held up their task.
  public var inlineStalls: UInt64 = 0

  public init() {}
}

public struct FibrilSnapshot: Equatable, Sendable {
  public var fibril: UInt64
  public var task: UInt64
  public var state: FibrilState
  public var reason: BlockReason = .none
  public var object: UInt64 = 0
  public var since: UInt64 = 0
  public var nextNumber: UInt64 = 0
  public var parent: UInt64 = 0
  public var entry: UInt64 = 0
  /// Index into the snapshot's names; 0: none.
  public var name: UInt32 = 0
  /// Number of the system call it is or is in.
  public var call: UInt32? = nil
  public var arguments: [UInt64] = []
  /// Who holds the lock it waits for: a fibril, or a thread that runs none; 0: nobody, or unknown.
  public var owner: UInt64 = 0
  public var ownerThread: UInt32 = 0
  public var deadline: UInt64 = 0
  /// A submitted call: it has no code of its own and, in the kernel, no stack.
  public var isCall = false
  public var isRoot = false
  public var onHelper = false
  public var stackPointer: UInt64 = 0
  public var stack: Range<UInt64> = 0..<0
  /// Even sequences that were read before and after were not equal, even when tried again.
  public var changedWhileRead = false

  public init(fibril: UInt64, task: UInt64, state: FibrilState) {
    self.fibril = fibril
    self.task = task
    self.state = state
  }
}
