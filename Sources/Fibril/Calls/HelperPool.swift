internal import CFibril
internal import CFibrilContract
internal import Glibc

/// Threads that run bare system calls for one task, so that a call io_uring cannot do holds up
/// nobody. They run no fibril and no Swift code of the user's; the first to be free takes the oldest
/// call. The task's own thread creates them, so they inherit its identity; after a change of that the
/// task makes a new pool.
@safe final class HelperPool: @unchecked Sendable {
  // Sendable: everything below the mutex is touched under it, the rest never changes.
  private let mailbox: UnsafeMutablePointer<fibril_mailbox>
  private let mutex: UnsafeMutablePointer<pthread_mutex_t>
  private let condition: UnsafeMutablePointer<pthread_cond_t>
  private var queue = EntryQueue()
  private var queued = 0
  private var idle = 0
  private var stopping = false
  private var threads: [pthread_t] = []

  /// A helper only makes system calls.
  private static let stackBytes = 64 * 1024

  init(mailbox: UnsafeMutablePointer<fibril_mailbox>) {
    unsafe self.mailbox = unsafe mailbox
    unsafe mutex = .allocate(capacity: 1)
    unsafe condition = .allocate(capacity: 1)
    unsafe pthread_mutex_init(mutex, nil)
    unsafe pthread_cond_init(condition, nil)
  }

  deinit {
    unsafe pthread_mutex_destroy(mutex)
    unsafe pthread_cond_destroy(condition)
    unsafe mutex.deallocate()
    unsafe condition.deallocate()
  }

  /// Queues the call in `entry` for a helper, creating one if all are busy. Returns false if there is
  /// no helper and none can be made: the call was not queued.
  func submit(_ entry: EntryRef) -> Bool {
    unsafe pthread_mutex_lock(mutex)
    defer { unsafe pthread_mutex_unlock(mutex) }
    if idle <= queued, !addThread(), threads.isEmpty { return false }
    queue.append(entry)
    queued += 1
    unsafe pthread_cond_signal(condition)
    return true
  }

  /// How many helpers there are, and how many calls wait for one.
  var load: (helpers: Int, waiting: Int) {
    unsafe pthread_mutex_lock(mutex)
    defer { unsafe pthread_mutex_unlock(mutex) }
    return (threads.count, max(0, queued - idle))
  }

  /// Ends the helpers; no call may be queued or running.
  func stop() {
    unsafe pthread_mutex_lock(mutex)
    stopping = true
    unsafe pthread_cond_broadcast(condition)
    unsafe pthread_mutex_unlock(mutex)
    for thread in threads { pthread_join(thread, nil) }
    threads = []
  }

  /// Lets the helpers end when they have run what was queued; nobody waits for them.
  func retire() {
    unsafe pthread_mutex_lock(mutex)
    stopping = true
    unsafe pthread_cond_broadcast(condition)
    unsafe pthread_mutex_unlock(mutex)
    for thread in threads { pthread_detach(thread) }
    threads = []
  }

  /// A new helper, with all signals blocked: signals are for the program's own threads.
  private func addThread() -> Bool {
    var attributes = pthread_attr_t()
    unsafe pthread_attr_init(&attributes)
    defer { unsafe pthread_attr_destroy(&attributes) }
    unsafe pthread_attr_setstacksize(&attributes, HelperPool.stackBytes)
    var all = sigset_t()
    var before = sigset_t()
    unsafe sigfillset(&all)
    unsafe pthread_sigmask(SIG_SETMASK, &all, &before)
    defer { unsafe pthread_sigmask(SIG_SETMASK, &before, nil) }
    var thread = pthread_t()
    // Held by each helper, which may outlive the task's use of the pool.
    let itself = unsafe Unmanaged.passRetained(self)
    let error = unsafe pthread_create(
      &thread, &attributes,
      { argument in
        unsafe Unmanaged<HelperPool>.fromOpaque(argument!).takeRetainedValue().serve()
        return nil
      }, itself.toOpaque())
    guard error == 0 else {
      unsafe itself.release()
      return false
    }
    threads.append(thread)
    return true
  }

  private func serve() {
    unsafe fibril_thread_set_name("fibril-helper")
    unsafe pthread_mutex_lock(mutex)
    while true {
      while queued == 0, !stopping {
        idle += 1
        unsafe pthread_cond_wait(condition, mutex)
        idle -= 1
      }
      guard let entry = queue.popFirst() else { break }
      queued -= 1
      unsafe pthread_mutex_unlock(mutex)
      let (a, b, c, d, e, f) = entry.pointee.arguments
      entry.pointee.result = fibril_system_call(Int64(entry.pointee.call), a, b, c, d, e, f)
      unsafe Mailbox.post(result: entry, to: mailbox)
      unsafe pthread_mutex_lock(mutex)
    }
    unsafe pthread_mutex_unlock(mutex)
  }
}
