internal import CFibril
internal import CFibrilContract

/// A condition variable for `FibrilMutex`: between fibrils of one task, of several, and plain threads.
///
/// ```swift
/// try mutex.lock()
/// while queue.isEmpty { try condition.wait(mutex) }
/// ```
public final class FibrilCondition: Sendable {
  private let shared = SharedMemory(fibril_wait_queue())

  public init() {}

  /// Lets go of the mutex, which the caller must hold, waits to be signalled, and holds the mutex again.
  /// Never woken without a signal; still look at what you wait for, since others may have been first.
  /// - Throws: `WaitError`; the mutex is held all the same.
  public func wait(_ mutex: FibrilMutex, until deadline: Deadline = .never) throws(WaitError) {
    waiters.lock()
    let wait = WaitQueue.Wait(reason: FIBRIL_REASON_CONDITION, object: shared.address, deadline: deadline)
    let code = waiters.wait(wait) { mutex.unlock() }
    mutex.lockAgain()
    if let error = WaitError(code: code) { throw error }
  }

  /// Wakes who has waited longest, if somebody waits.
  public func signal() {
    waiters.lock()
    waiters.grantFirst()
    waiters.unlock()
  }

  /// Wakes all who wait.
  public func broadcast() {
    waiters.lock()
    while waiters.grantFirst() {}
    waiters.unlock()
  }

  package var hasWaiters: Bool { !waiters.isEmpty }

  private var waiters: WaitQueue { unsafe WaitQueue(shared.pointer) }
}
