internal import CFibril
internal import CFibrilContract
internal import Glibc

/// Threads that run bare system calls for one task, so that a call io_uring cannot do holds up
/// nobody. They run no fibril and no Swift code of the user's. They have the identity of the task's
/// thread, which makes the first of them; after a change of that the task makes a new pool.
///
/// Waking one costs more than most calls take. So one at a time is woken: it takes the oldest call,
/// and if there are more it has the next one woken before it makes its own. A call that waits keeps
/// nobody, short ones are done in turn by who is awake, and the pool grows one by one, as far as the
/// system allows, while all it has are held.
@safe final class HelperPool: @unchecked Sendable {
  // Sendable: everything below the mutex is touched under it, the rest never changes.
  let mailbox: UnsafeMutablePointer<fibril_mailbox>
  let signal: CInt
  let slot: SlotRef
  private let mutex: UnsafeMutablePointer<pthread_mutex_t>

  var queue = EntryQueue()
  var queued = 0
  var isStopping = false
  /// Somebody has been woken, or made, and has not taken a call yet.
  var isWaking = false
  /// All helpers, and those of them that have nothing to do, the last to come first.
  var helpers: UnsafeMutablePointer<fibril_helper>?
  var idle: UnsafeMutablePointer<fibril_helper>?
  /// Of helpers that have ended.
  var spare: UnsafeMutablePointer<fibril_helper>?
  var count = 0
  /// When a thread could not be had, in ticks.
  private var lastRefusal: UInt64 = 0
  /// A pool that this one has replaced: calls may still be running there.
  private var previous: HelperPool?

  private static let stackBytes = fibril_helper_stack()
  /// After a refusal the system is not asked for a thread again for so long.
  static let refusalMilliseconds: UInt64 = 10

  init(
    mailbox: UnsafeMutablePointer<fibril_mailbox>, slot: SlotRef, signal: CInt, replacing previous: HelperPool?
  ) {
    unsafe self.mailbox = unsafe mailbox
    self.slot = slot
    self.signal = signal
    self.previous = previous
    unsafe mutex = .allocate(capacity: 1)
    var attributes = pthread_mutexattr_t()
    unsafe pthread_mutexattr_init(&attributes)
    // It is held for some instructions: better to look again than to sleep.
    unsafe pthread_mutexattr_settype(&attributes, CInt(PTHREAD_MUTEX_ADAPTIVE_NP))
    unsafe pthread_mutex_init(mutex, &attributes)
    unsafe pthread_mutexattr_destroy(&attributes)
  }

  deinit {
    while let helper = unsafe spare {
      unsafe spare = unsafe helper.pointee.next
      unsafe helper.deallocate()
    }
    unsafe pthread_mutex_destroy(mutex)
    unsafe mutex.deallocate()
  }

  func lock() { unsafe pthread_mutex_lock(mutex) }

  func unlock() { unsafe pthread_mutex_unlock(mutex) }

  /// Queues the calls of `entries`. Returns false if there is no helper and none can be made: nothing
  /// was queued.
  func submit(_ entries: EntryQueue, count: Int) -> Bool {
    lock()
    if unsafe helpers == nil, !addHelper() {
      unlock()
      return false
    }
    queue.append(contentsOf: entries)
    queued += count
    let next = unsafe nextToWake()
    showLoad()
    unlock()
    if let next = unsafe next { unsafe fibril_helper_wake(next) }
    return true
  }

  /// Makes the helper that calls wait for, if the system allows one by now.
  func addMissing() {
    lock()
    let next = unsafe nextToWake()
    showLoad()
    unlock()
    if let next = unsafe next { unsafe fibril_helper_wake(next) }
  }

  /// Who is to be woken after the lock is given back, for calls that wait. Under the lock.
  func nextToWake() -> UnsafeMutablePointer<fibril_helper>? {
    guard queued > 0, !isWaking else { return nil }
    if let helper = unsafe idle {
      unsafe idle = unsafe helper.pointee.next_idle
      isWaking = true
      return unsafe helper
    }
    _ = addHelper()
    return nil
  }

  /// What a reader of the table sees: helpers, and calls that wait because there can be no more of them.
  /// Under the lock.
  func showLoad() {
    guard !isStopping else { return }
    let waiting = unsafe idle == nil && !isWaking ? UInt64(queued) : 0
    // Only what has changed: the words beside these are the task's own.
    if slot.pointee.helpers != UInt64(count) {
      unsafe fibril_atomic_store(&slot.pointer.pointee.helpers, UInt64(count))
    }
    let before = slot.pointee.helper_queue
    guard before != waiting else { return }
    unsafe fibril_atomic_store(&slot.pointer.pointee.helper_queue, waiting)
    // The task looks after what is missing, and may be asleep.
    if before == 0 { unsafe Mailbox.knock(mailbox) }
  }

  /// Lets the helpers end when they have run what was queued; nobody waits for them.
  func retire() {
    lock()
    unsafe fibril_atomic_store(&slot.pointer.pointee.helpers, 0)
    unsafe fibril_atomic_store(&slot.pointer.pointee.helper_queue, 0)
    isStopping = true
    var next = unsafe idle
    unsafe idle = nil
    while let helper = unsafe next {
      unsafe next = unsafe helper.pointee.next_idle
      unsafe fibril_helper_wake(helper)
    }
    unlock()
  }

  /// A new helper, with all signals blocked: signals are for the program's own threads. Under the lock.
  private func addHelper() -> Bool {
    let now = fibril_ticks()
    guard lastRefusal == 0 || now &- lastRefusal > Self.refusalMilliseconds * fibril_ticks_a_millisecond() else {
      return false
    }
    var attributes = pthread_attr_t()
    unsafe pthread_attr_init(&attributes)
    defer { unsafe pthread_attr_destroy(&attributes) }
    unsafe pthread_attr_setstacksize(&attributes, Self.stackBytes)
    unsafe pthread_attr_setdetachstate(&attributes, CInt(PTHREAD_CREATE_DETACHED))
    var all = sigset_t()
    var before = sigset_t()
    unsafe sigfillset(&all)
    unsafe pthread_sigmask(SIG_SETMASK, &all, &before)
    defer { unsafe pthread_sigmask(SIG_SETMASK, &before, nil) }
    let helper = unsafe spare ?? UnsafeMutablePointer<fibril_helper>.allocate(capacity: 1)
    if unsafe spare != nil { unsafe spare = unsafe helper.pointee.next }
    unsafe helper.initialize(to: fibril_helper())
    // Held by each helper, which may outlive the task's use of the pool.
    let itself = unsafe Unmanaged.passRetained(self)
    unsafe helper.pointee.pool = unsafe itself.toOpaque()
    var thread = pthread_t()
    let error = unsafe pthread_create(
      &thread, &attributes,
      { argument in
        let helper = unsafe argument!.assumingMemoryBound(to: fibril_helper.self)
        unsafe Unmanaged<HelperPool>.fromOpaque(helper.pointee.pool).takeRetainedValue().serve(as: helper)
        return nil
      }, helper)
    guard error == 0 else {
      unsafe itself.release()
      unsafe helper.pointee.next = unsafe spare
      unsafe spare = unsafe helper
      lastRefusal = now
      return false
    }
    lastRefusal = 0
    unsafe helper.pointee.next = unsafe helpers
    unsafe helpers = unsafe helper
    count += 1
    isWaking = true
    return true
  }
}

/// What became of the attempt to interrupt a call.
enum Interruption {
  /// It had not begun, and will not.
  case taken
  /// It ends soon, or has ended.
  case underWay
  /// No signal could be sent.
  case failed
}

extension HelperPool {
  /// Interrupts the call in `entry`, which was submitted to this pool or to one that it has replaced.
  /// - Parameter bySignal: Whether the signal is ready for use; without it only what is queued.
  func interrupt(_ entry: EntryRef, bySignal: Bool) -> Interruption {
    var pool: HelperPool? = self
    while let current = pool {
      if let result = current.interruptHere(entry, bySignal) { return result }
      pool = current.previous
    }
    return .underWay  // its result lies in the mailbox
  }

  /// nil: the call is not here.
  private func interruptHere(_ entry: EntryRef, _ bySignal: Bool) -> Interruption? {
    lock()
    defer { unlock() }
    if queue.remove(entry) {
      queued -= 1
      showLoad()
      return .taken
    }
    guard bySignal else { return .failed }
    var next = unsafe helpers
    while let helper = unsafe next {
      let result = unsafe fibril_helper_interrupt(helper, entry.bits, signal)
      if result != 0 { return result > 0 ? .underWay : .failed }
      unsafe next = unsafe helper.pointee.next
    }
    // Retired, and the last helper has gone: nothing can be found there any more.
    if let old = previous, old.isEmpty { previous = old.previous }
    return nil
  }

  private var isEmpty: Bool {
    lock()
    defer { unlock() }
    return unsafe helpers == nil
  }
}

extension EntryQueue {
  mutating func append(contentsOf other: EntryQueue) {
    var other = other
    while let entry = other.popFirst() { append(entry) }
  }
}
