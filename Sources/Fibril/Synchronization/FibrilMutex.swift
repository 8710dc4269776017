internal import CFibril
internal import CFibrilContract

/// A mutex that parks the fibril and not its thread, and knows its owner: between fibrils of one task,
/// of several, and plain threads.
///
/// Who unlocks it hands it to who has waited longest, so nobody starves. Locking and unlocking take two
/// atomic operations while nobody waits. The owner stands in the fibril table for those who wait.
public final class FibrilMutex: Sendable {
  private let shared: SharedMemory<fibril_mutex>

  public init() { shared = SharedMemory(fibril_mutex()) }

  /// Waits until the mutex is free, and holds it from then on.
  /// - Throws: `WaitError`, and the mutex is not held. Only if it has to wait: a cancelled fibril still
  ///   locks a mutex that is free.
  public func lock(until deadline: Deadline = .never) throws(WaitError) {
    let identity = Owner.identity
    if unsafe fibril_atomic_compare_exchange(owner, 0, identity) { return }
    if let error = WaitError(code: wait(identity, deadline, isUninterruptible: false)) { throw error }
  }

  /// Holds the mutex from now on if it is free; false if it is not.
  public func tryLock() -> Bool { unsafe fibril_atomic_compare_exchange(owner, 0, Owner.identity) }

  /// Lets the next in line have the mutex, which the caller must hold.
  public func unlock() {
    let wasHeld = tryUnlock()
    precondition(wasHeld, "a mutex is unlocked by another than its owner")
  }

  /// The same, but false, and nothing done, if the caller does not hold it.
  package func tryUnlock() -> Bool {
    let identity = Owner.identity
    if unsafe fibril_atomic_compare_exchange(owner, identity, 0) { return true }
    guard unsafe fibril_atomic_load(owner) == identity | 1 else { return false }
    handOver()
    return true
  }

  /// Runs `body` while holding the mutex.
  public func withLock<Value: ~Copyable>(
    until deadline: Deadline = .never, _ body: () throws -> Value
  ) throws -> Value {
    try lock(until: deadline)
    defer { unlock() }
    return try body()
  }

  /// Who holds it: a fibril's id, or nil if it is free or held by a plain thread.
  public var ownerID: UInt64? { Owner.fibril(of: unsafe fibril_atomic_load(owner)) }

  package var isHeld: Bool { unsafe fibril_atomic_load(owner) != 0 }

  package var isHeldByCaller: Bool { unsafe fibril_atomic_load(owner) & ~1 == Owner.identity }

  /// After a wait for something else, which has let it go: not to be cancelled.
  func lockAgain() {
    let identity = Owner.identity
    if unsafe fibril_atomic_compare_exchange(owner, 0, identity) { return }
    _ = wait(identity, .never, isUninterruptible: true)
  }

  private var owner: UnsafeMutablePointer<UInt64> {
    unsafe UnsafeMutableRawPointer(shared.pointer).assumingMemoryBound(to: UInt64.self)
  }

  private var waiters: WaitQueue { unsafe WaitQueue(&shared.pointer.pointee.waiters) }

  /// The owner's word has its lowest bit set while somebody waits; then it changes under the guard only.
  @inline(never)
  private func wait(_ identity: UInt64, _ deadline: Deadline, isUninterruptible: Bool) -> Int64 {
    waiters.lock()
    var seen: UInt64
    var isMarked = false
    repeat {
      seen = unsafe fibril_atomic_load(owner)
      if seen == 0, unsafe fibril_atomic_compare_exchange(owner, 0, identity) {
        waiters.unlock()
        return 0
      }
      precondition(seen & ~1 != identity, "a fibril locks a mutex that it holds: it would wait for itself for ever")
      isMarked = unsafe seen != 0 && fibril_atomic_compare_exchange(owner, seen, seen | 1)
    } while !isMarked
    return waiters.wait(
      .init(
        reason: FIBRIL_REASON_MUTEX, object: shared.address, owner: Owner.fibril(of: seen) ?? 0, deadline: deadline,
        isUninterruptible: isUninterruptible), key: identity)
  }

  @inline(never)
  private func handOver() {
    waiters.lock()
    let next = waiters.firstKey
    // With the bit set also if nobody is left: the next to unlock comes here and sees.
    unsafe fibril_atomic_store(owner, next.map { $0 | 1 } ?? 0)
    waiters.grantFirst()
    waiters.unlock()
  }
}

/// Who holds a lock, as `struct fibril_lock` says it.
enum Owner {
  @inline(__always)
  static var identity: UInt64 {
    guard let task = currentTask() else { return (UInt64(FIBRIL_OWNER_THREAD) | UInt64(fibril_thread_id())) << 1 }
    return task.pointee.running.pointee.id << 1
  }

  static func fibril(of word: UInt64) -> UInt64? {
    let id = word >> 1
    return id == 0 || id & UInt64(FIBRIL_OWNER_THREAD) != 0 ? nil : id
  }
}
