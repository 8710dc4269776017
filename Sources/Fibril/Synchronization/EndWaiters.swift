internal import CFibril
internal import CFibrilContract

/// Who waits, in another task or a plain thread, for the end of a fibril: one list for the process,
/// by the fibril's id. It is looked at only at the end of a fibril that is so waited for.
enum EndWaiters {
  private static var queue: WaitQueue { unsafe WaitQueue(fibril_end_waiters()!) }

  /// Waits until the owner of the fibril, which is asked by a request, announces its end.
  static func wait(
    for id: UInt64, entry: EntryRef, mailbox: UnsafeMutablePointer<fibril_mailbox>, deadline: Deadline
  ) -> Int64 {
    queue.lock()
    return queue.wait(.init(reason: FIBRIL_REASON_JOIN, object: id, deadline: deadline), key: id) {
      unsafe Mailbox.post(FIBRIL_REQUEST_JOIN, id: id, entry: entry, to: mailbox, by: Waker(time: fibril_ticks()))
    }
  }

  static func announceEnd(of id: UInt64) {
    queue.lock()
    queue.grantAll(key: id)
    queue.unlock()
  }
}
