internal import CFibril
internal import CFibrilContract

/// Who waits, in another task or a plain thread, for the end of a fibril: one list for the process. It
/// is looked at only at the end of a fibril that is so waited for, and of a task.
enum EndWaiters {
  private static var queue: WaitQueue { unsafe WaitQueue(fibril_end_waiters()!) }

  /// Waits until the owner of the fibril, which is asked by a request, announces its end.
  /// - Parameter task: The owner. If the mailbox is another's by now, all its fibrils have ended.
  static func wait(for fibril: WakeTarget, of task: UInt64, until deadline: Deadline) -> Int64 {
    queue.lock()
    guard unsafe fibril.mailbox.pointee.task == task else {
      queue.unlock()
      return 0
    }
    return queue.wait(
      .init(reason: FIBRIL_REASON_JOIN, object: fibril.id, deadline: deadline), key: fibril.id, target: fibril.address
    ) { fibril.request(FIBRIL_REQUEST_JOIN) }
  }

  static func announceEnd(of fibril: WakeTarget) {
    queue.lock()
    queue.grantAll(key: fibril.id, target: fibril.address)
    queue.unlock()
  }

  /// From here on the mailbox is this task's; 0: nobody's.
  static func setOwner(of mailbox: Mailbox, task: UInt64) {
    queue.lock()
    unsafe mailbox.shared.pointee.task = task
    if task == 0 { queue.grantAll(target: UInt64(UInt(bitPattern: unsafe mailbox.shared))) }
    queue.unlock()
  }
}

extension WakeTarget {
  /// Of its task's mailbox.
  fileprivate var address: UInt64 { UInt64(UInt(bitPattern: unsafe mailbox)) }
}
