internal import CFibril
internal import CFibrilContract

/// A counting semaphore that parks the fibril and not its thread: between fibrils of one task, of
/// several, and plain threads. Who has waited longest is first.
public final class FibrilSemaphore: Sendable {
  private let shared: SharedMemory<fibril_semaphore>

  /// - Parameter permits: How many there are to begin with.
  public init(permits: Int) {
    precondition(permits >= 0, "a semaphore begins with \(permits) permits")
    shared = SharedMemory(fibril_semaphore())
    unsafe shared.pointer.pointee.permits = UInt64(permits)
  }

  /// Takes a permit, waiting until there is one.
  /// - Throws: `WaitError`, and no permit is taken.
  public func acquire(until deadline: Deadline = .never) throws(WaitError) {
    waiters.lock()
    if takePermit() { return waiters.unlock() }
    let code = waiters.wait(.init(reason: FIBRIL_REASON_SEMAPHORE, object: shared.address, deadline: deadline))
    if let error = WaitError(code: code) { throw error }
  }

  /// For who can not go on without.
  func acquireUninterruptibly() {
    waiters.lock()
    if takePermit() { return waiters.unlock() }
    _ = waiters.wait(.init(reason: FIBRIL_REASON_SEMAPHORE, object: shared.address, isUninterruptible: true))
  }

  /// Takes a permit if there is one.
  public func tryAcquire() -> Bool {
    waiters.lock()
    defer { waiters.unlock() }
    return takePermit()
  }

  /// Gives a permit, to who has waited longest if somebody waits. Never blocks.
  public func release() {
    waiters.lock()
    if !waiters.grantFirst() { unsafe shared.pointer.pointee.permits += 1 }
    waiters.unlock()
  }

  package var hasWaiters: Bool { !waiters.isEmpty }

  private var waiters: WaitQueue { unsafe WaitQueue(&shared.pointer.pointee.waiters) }

  private func takePermit() -> Bool {
    guard unsafe shared.pointer.pointee.permits > 0 else { return false }
    unsafe shared.pointer.pointee.permits -= 1
    return true
  }
}
