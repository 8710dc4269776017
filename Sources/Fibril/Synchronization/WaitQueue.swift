internal import CFibril
internal import CFibrilContract
internal import Glibc

/// Fibrils of any task, and plain threads, that wait for one thing, first come first served. The list
/// is touched under the queue's guard only, which is held for a few instructions.
///
/// Safe to use because waiters lie on the stacks of those who wait, who leave their frames only after
/// they are out of the list.
@safe struct WaitQueue {
  let pointer: UnsafeMutablePointer<fibril_wait_queue>

  @inline(__always)
  init(_ pointer: UnsafeMutablePointer<fibril_wait_queue>) { unsafe self.pointer = unsafe pointer }

  @inline(__always)
  func lock() { unsafe fibril_guard_lock(&pointer.pointee.guard) }

  @inline(__always)
  func unlock() { unsafe fibril_guard_unlock(&pointer.pointee.guard) }

  /// At this moment.
  var isEmpty: Bool {
    lock()
    defer { unlock() }
    return unsafe pointer.pointee.first == nil
  }

  /// Waits at the end of the queue, whose guard the caller holds and loses. `prepare` runs between
  /// that and the wait.
  /// - Parameter key: By which `grantAll` finds the waiter, and `firstKey` names it.
  /// - Returns: 0 once granted, else -EINTR or -ETIMEDOUT.
  func wait(_ wait: Wait, key: UInt64 = 0, target: UInt64 = 0, prepare: () -> Void = {}) -> Int64 {
    var waiter = fibril_waiter()
    return unsafe withUnsafeMutablePointer(to: &waiter) { waiter in
      let task = currentTask()
      if let task {
        unsafe waiter.pointee.entry = task.pointee.running.bits
        unsafe waiter.pointee.id = task.pointee.running.pointee.id
        unsafe waiter.pointee.mailbox = UInt64(UInt(bitPattern: task.pointee.mailbox.shared))
      }
      unsafe waiter.pointee.key = key
      unsafe waiter.pointee.target = target
      unsafe fibril_queue_append(pointer, waiter)
      unlock()
      prepare()
      let code = unsafe WaitQueue.sleep(waiter, wait, on: task)
      guard code != 0 else { return 0 }
      // What was granted at the same moment is taken, or it would be lost.
      lock()
      let wasGranted = unsafe waiter.pointee.queued == 0
      if !wasGranted { unsafe fibril_queue_remove(pointer, waiter) }
      unlock()
      return wasGranted ? 0 : code
    }
  }

  /// What a wait says of itself in the table, and how it may end.
  struct Wait {
    var reason: fibril_reason
    var object: UInt64
    /// The fibril that holds what is waited for.
    var owner: UInt64 = 0
    var deadline: Deadline = .never
    /// Ends only when granted.
    var isUninterruptible = false
  }

  private static func sleep(_ waiter: UnsafeMutablePointer<fibril_waiter>, _ wait: Wait, on task: TaskRef?) -> Int64 {
    guard let task else {
      return unsafe fibril_thread_wait(&waiter.pointee.granted, wait.deadline.nanoseconds) ? 0 : -Int64(ETIMEDOUT)
    }
    var code: Int64 = 0
    // Fibrils that wake each other in turn must not keep the task from what happened meanwhile.
    task.harvestIfDue()
    // Woken without a grant: by the unpark of an earlier wait, which had ended early all the same.
    while code == 0, unsafe fibril_atomic_load32(&waiter.pointee.granted) == 0 {
      task.pointee.running.pointee.owner = wait.owner
      if wait.isUninterruptible {
        task.waitUninterruptibly(reason: wait.reason, object: wait.object)
      } else {
        code = task.wait(reason: wait.reason, object: wait.object, deadline: wait.deadline.nanoseconds)
      }
    }
    task.pointee.running.pointee.owner = 0  // a fibril that was cancelled before has not waited
    return code
  }

  // MARK: Granting, under the guard

  /// The key of who came first.
  var firstKey: UInt64? { unsafe pointer.pointee.first?.pointee.key }

  /// Wakes who came first. Returns false if nobody waits.
  @discardableResult
  func grantFirst() -> Bool {
    guard let waiter = unsafe pointer.pointee.first else { return false }
    unsafe grant(waiter)
    return true
  }

  /// Wakes all who wait for this target and, if it is not 0, with this key.
  func grantAll(key: UInt64 = 0, target: UInt64) {
    var next = unsafe pointer.pointee.first
    while let waiter = unsafe next {
      unsafe next = waiter.pointee.next
      if unsafe waiter.pointee.target == target, unsafe key == 0 || waiter.pointee.key == key { unsafe grant(waiter) }
    }
  }

  private func grant(_ waiter: UnsafeMutablePointer<fibril_waiter>) {
    unsafe fibril_queue_remove(pointer, waiter)
    let entry = EntryRef(bits: unsafe waiter.pointee.entry)
    let (id, mailbox) = unsafe (waiter.pointee.id, waiter.pointee.mailbox)
    // From here on the waiter may be gone; to wake a futex that is no more is harmless.
    unsafe fibril_atomic_store32(&waiter.pointee.granted, 1)
    guard let entry else { return unsafe fibril_thread_wake(&waiter.pointee.granted) }
    let shared = unsafe UnsafeMutablePointer<fibril_mailbox>(bitPattern: UInt(mailbox))!
    if let task = currentTask(), unsafe task.pointee.mailbox.shared == shared {
      task.unpark(entry, id: id, by: task.selfAsWaker())
    } else {
      unsafe Mailbox.post(
        FIBRIL_REQUEST_UNPARK, id: id, entry: entry, to: shared,
        by: currentTask()?.selfAsWaker() ?? Waker(time: fibril_ticks()))
    }
  }
}

extension TaskRef {
  /// Wakes a fibril that waits in a `WaitQueue`. One that does no longer has seen to itself.
  func unpark(_ entry: EntryRef, id: UInt64, by waker: Waker) {
    guard entry.pointee.id == id, entry.pointee.state == FibrilStateNumber.blocked, entry.pointee.call < 0 else {
      return
    }
    switch UInt32(entry.pointee.reason) {
    case FIBRIL_REASON_MUTEX.rawValue...FIBRIL_REASON_RECEIVE.rawValue, FIBRIL_REASON_JOIN.rawValue:
      wake(entry, by: waker)
    default: break
    }
  }
}
