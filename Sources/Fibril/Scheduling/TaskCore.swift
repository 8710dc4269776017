internal import CFibril
internal import CFibrilContract

/// What one task needs to schedule its fibrils. Lives in raw memory that is never unmapped, for a
/// late wake may still look at it; touched by the task's thread only, except `mailbox`.
@safe struct TaskCore {
  let slot: SlotRef
  let id: UInt64
  /// Of the thread; another one in a forked child.
  var threadID: UInt32
  /// The ident of the process image in which ring, helpers and eventfd were made.
  var image: UInt64
  let root: EntryRef
  let buffer: UnsafeMutablePointer<fibril_buffer>?
  /// Where the number of the task's next record stands.
  let recordNumber: UnsafePointer<UInt64>
  /// Where the thread keeps what belongs to the fibril that runs.
  var perCall: fibril_per_call

  /// The fibril that runs, or ran last before the task went to sleep.
  var running: EntryRef
  var runQueue = EntryQueue()
  /// The saved context of "fibril 0", which sleeps in the kernel on a stack of its own.
  var idleStackPointer: UInt64
  /// In the place of an entry for what a switch notes of the context that is left: its first two fields.
  var idleEntry: UInt64 = 0
  /// Below 0: one is due. A sign is cheaper to see than a zero.
  var switchesUntilHarvest = TaskCore.switchesBetweenHarvests - 1

  var nextID: UInt64 = 0
  var lastID: UInt64 = 0
  var entries: EntryAllocator
  var stacks: StackArena

  /// Closures that have not ended.
  var closures = 0
  /// Who waits for all of them.
  var joiner: EntryRef?

  var ring: Ring?
  var helpers: HelperPool?
  /// The thread has other namespaces, directories or filters by now than those with which io_uring's workers
  /// were made.
  var hasLeftSurroundings = false
  /// Calls that are in the kernel or on their way there, submitted ones only.
  var pendingCalls = 0
  var completions = CompletionQueue()
  /// Fibrils that wait for completions.
  var collectors = fibril_wait_queue()
  var inlineCalls: InlineCalls
  var outgoing: OutgoingCalls
  var mailbox: Mailbox
  /// Fibrils that wait for signals where there is no ring.
  var signalWaiters: [SignalWaiter] = []
  /// The running fibril runs a job of Swift's, which may not park. A harvest is due all that time, so
  /// that a yield looks here only when it has to look at other things as well.
  var runsJob = false {
    didSet { switchesUntilHarvest = runsJob ? .min / 2 : 0 }
  }
  /// What waits until a deadline.
  var timers = TimerHeap()

  /// I/O is looked at this often even if somebody is always runnable.
  static let switchesBetweenHarvests = 64
  /// So often a task looks for helpers' results before it sleeps, some 5 µs in all.
  static let looksBeforeSleep: UInt32 = 100
}

/// The task of the calling thread, if it is one.
@inline(__always)
func currentTask() -> TaskRef? {
  guard let task = unsafe fibril_thread_task_get() else { return nil }
  return unsafe TaskRef(task.assumingMemoryBound(to: TaskCore.self))
}

/// The task of the calling thread; a program that calls this elsewhere is wrong.
@inline(__always)
func requireTask() -> TaskRef {
  guard let task = currentTask() else {
    fatalError("this thread is no task: make a FibrilTask on it before using fibrils")
  }
  return task
}

extension TaskRef {
  /// A fibril id, unique in the process. Taken from the process's counter 64 at a time.
  @inline(__always)
  func takeID() -> UInt64 {
    if pointee.nextID == pointee.lastID {
      pointee.nextID = fibril_take_ids(64)
      pointee.lastID = pointee.nextID + 64
    }
    defer { pointee.nextID += 1 }
    return pointee.nextID
  }

  @inline(__always)
  var nextNumber: UInt64 { unsafe pointee.recordNumber.pointee }
}
