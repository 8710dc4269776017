internal import CFibril
internal import CFibrilContract

// Waiting for the end of a fibril: within its task over its entry, from elsewhere over a list that all
// tasks of the process share.

extension TaskRef {
  /// Waits for the end of a fibril of this task, whose entry stays until its release.
  func awaitEnd(_ entry: EntryRef, deadline: UInt64) -> Int64 {
    precondition(entry != pointee.running, "a fibril joins itself: it would wait for itself for ever")
    harvestIfDue()
    var code: Int64 = 0
    // Woken before the end: by the unpark of an earlier wait (`WaitQueue.sleep`).
    while code == 0, entry.pointee.state != FibrilStateNumber.dead {
      entry.pointee.waiters = pointee.running.bits
      code = wait(reason: FIBRIL_REASON_JOIN, object: entry.pointee.id, deadline: deadline)
    }
    entry.pointee.waiters = 0
    return code
  }

  /// Nobody will join the fibril: its entry is freed when it ends, or now.
  func release(_ entry: EntryRef) {
    entry.pointee.flags &= ~EntryFlag.held
    if entry.pointee.state == FibrilStateNumber.dead, entry.pointee.stack_high == 0 { unpublish(entry) }
  }

  /// Waits until every closure of the task has ended.
  func joinAll() {
    harvestIfDue()
    while pointee.closures > 0 {
      let isFree = pointee.joiner == nil || pointee.joiner == pointee.running
      precondition(isFree, "two fibrils wait for all fibrils of one task")
      pointee.joiner = pointee.running
      waitUninterruptibly(reason: FIBRIL_REASON_JOIN, object: 0)
    }
  }

  /// Wakes who waits for the end of the running fibril.
  @inline(__always)
  func wakeJoiners() {
    let fibril = pointee.running
    if let joiner = EntryRef(bits: fibril.pointee.waiters) { wake(joiner, by: selfAsWaker()) }
    if fibril.pointee.own & OwnFlag.joinedFromElsewhere != 0 {
      EndWaiters.announceEnd(of: WakeTarget(fibril, on: self))
    }
    if pointee.closures == 0, let joiner = pointee.joiner {
      pointee.joiner = nil
      wake(joiner, by: selfAsWaker())
    }
  }
}
