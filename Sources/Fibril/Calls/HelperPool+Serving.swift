internal import CFibril
internal import CFibrilContract
internal import Glibc

// What a helper thread does: takes the oldest call, makes it, leaves the result in the task's mailbox.

extension HelperPool {
  /// An idle helper looks so often for a call before it sleeps, some 5 µs in all: as long as it would
  /// take to wake it.
  private static let looks: UInt32 = 100
  /// An idle helper ends after this time.
  private static let idleNanoseconds: UInt64 = 3_000_000_000

  /// The body of a helper's thread.
  func serve(as helper: UnsafeMutablePointer<fibril_helper>) {
    unsafe fibril_helper_begin(helper)
    unblockInterruptions()
    lock()
    isWaking = false
    repeat {
      while let entry = queue.popFirst() {
        queued -= 1
        // Under the lock: a call is in the queue or with a helper, for who wants to interrupt it.
        unsafe fibril_atomic_store(&helper.pointee.current, entry.bits)
        let next = unsafe nextToWake()
        showLoad()
        unlock()
        if let next = unsafe next { unsafe fibril_helper_wake(next) }
        unsafe run(entry, as: helper)
        lock()
      }
    } while unsafe waitForCalls(helper)
    fibril_helper_end()
    unsafe remove(helper)
    unlock()
  }

  /// Under the lock, which is given back meanwhile. Returns false if the helper is to end.
  private func waitForCalls(_ helper: UnsafeMutablePointer<fibril_helper>) -> Bool {
    guard !isStopping else { return false }
    unsafe fibril_atomic_store32(&helper.pointee.state, FIBRIL_HELPER_LOOKING.rawValue)
    unsafe helper.pointee.next_idle = unsafe idle
    unsafe idle = unsafe helper
    showLoad()
    unlock()
    let isWoken = unsafe fibril_helper_sleep(helper, Self.looks, Self.idleNanoseconds)
    lock()
    // Who wakes it takes it from the idle ones before, under the lock. If it is still one of them, its
    // time is over, or it was woken by the last one's late wake.
    guard unsafe removeIdle(helper) else {
      isWaking = false
      return true
    }
    return isWoken
  }

  private func removeIdle(_ helper: UnsafeMutablePointer<fibril_helper>) -> Bool {
    unsafe Self.unlink(helper, from: &idle, by: \.next_idle)
  }

  private func remove(_ helper: UnsafeMutablePointer<fibril_helper>) {
    _ = unsafe Self.unlink(helper, from: &helpers, by: \.next)
    // Not given back before the pool is: who has taken it from the idle ones may be about to wake it.
    unsafe helper.pointee.next = unsafe spare
    unsafe spare = unsafe helper
    count -= 1
    showLoad()
  }

  private static func unlink(
    _ helper: UnsafeMutablePointer<fibril_helper>, from first: inout UnsafeMutablePointer<fibril_helper>?,
    by next: WritableKeyPath<fibril_helper, UnsafeMutablePointer<fibril_helper>?>
  ) -> Bool {
    if unsafe first == helper {
      unsafe first = unsafe helper.pointee[keyPath: next]
      return true
    }
    var before = unsafe first
    while let candidate = unsafe before {
      if unsafe candidate.pointee[keyPath: next] == helper {
        unsafe candidate.pointee[keyPath: next] = unsafe helper.pointee[keyPath: next]
        return true
      }
      unsafe before = unsafe candidate.pointee[keyPath: next]
    }
    return false
  }

  /// Makes the call of `entry`, again if something else than the task has interrupted it.
  private func run(_ entry: EntryRef, as helper: UnsafeMutablePointer<fibril_helper>) {
    let number = Int64(entry.pointee.call)
    let done = entry.pointee.result
    var arguments = SystemCall(of: entry).advanced(by: done).arguments
    var room = fibril_mask_room()
    var result: Int64 = 0
    unsafe withUnsafeMutableBytes(of: &arguments) { bytes in
      let words = unsafe bytes.assumingMemoryBound(to: UInt64.self).baseAddress!
      let restarts = unsafe !fibril_mask_without(signal, number, words, &room)
      repeat {
        result = unsafe fibril_helper_call(helper, number, words)
      } while unsafe result == -Int64(EINTR) && restarts && fibril_atomic_load(&helper.pointee.current) & 1 == 0
    }
    unsafe fibril_helper_end_call(helper)
    // Not after a part: then the bare call would have returned that, and no signal.
    fibril_helper_pass_on(result, done == 0 ? slot.pointee.tid : 0)
    entry.pointee.result = SystemCall.total(done, result)
    unsafe Mailbox.post(result: entry, to: mailbox)
  }

  private func unblockInterruptions() {
    var signals = sigset_t()
    unsafe sigemptyset(&signals)
    unsafe sigaddset(&signals, signal)
    unsafe pthread_sigmask(SIG_UNBLOCK, &signals, nil)
  }
}
