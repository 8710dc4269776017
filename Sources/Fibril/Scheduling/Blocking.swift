internal import CFibril
internal import CFibrilContract

// Block and wake: how a fibril gives up its task and how it gets back into the run queue.

/// Who made a wake, and when (ticks).
struct Waker {
  var time: UInt64
  var task: UInt32 = 0
  var fibril: UInt64 = 0
}

extension TaskRef {
  /// Blocks the running fibril until `wake`. Nothing may come between the caller's last look at what
  /// it waits for and this, so it is the caller who harvests, before.
  func block(reason: fibril_reason, object: UInt64, deadline: UInt64 = 0) {
    if pointee.runsJob { refuseToPark() }
    let fibril = pointee.running
    let now = noteBlocked(fibril, reason: reason, object: object, deadline: deadline)
    unsafe fibril_emit_block(
      pointee.buffer, pointee.id, now, fibril.pointee.id, UInt32(reason.rawValue), object, deadline)
    leave(FibrilStateNumber.blocked)
  }

  /// The entry's half of a block, for a running fibril or for a call on its way into the kernel.
  /// Returns the time of the block in ticks.
  @inline(__always)
  func noteBlocked(_ entry: EntryRef, reason: fibril_reason, object: UInt64, deadline: UInt64) -> UInt64 {
    let now = fibril_ticks()
    entry.pointee.reason = UInt8(truncatingIfNeeded: reason.rawValue)
    entry.pointee.object = object
    entry.pointee.deadline = deadline
    entry.pointee.since = now
    entry.pointee.next_number = nextNumber
    entry.pointee.state = FibrilStateNumber.blocked
    pointee.slot.pointee.counts.blocks += 1
    return now
  }

  /// Puts a blocked fibril of this task into the run queue. One that its deadline or a cancellation has
  /// put there already sees for itself what has happened besides.
  func wake(_ entry: EntryRef, by waker: Waker) {
    guard entry.pointee.state == FibrilStateNumber.blocked else { return }
    beginWake(entry)
    finishWake(entry, by: waker)
  }

  /// From here until `finishWake` the caller may change what the entry says besides: a reader takes
  /// all of it or nothing.
  @inline(__always)
  func beginWake(_ entry: EntryRef) {
    entry.pointee.sequence &+= 1
    fibril_store_barrier()
  }

  @inline(__always)
  func finishWake(_ entry: EntryRef, by waker: Waker) {
    noteWoken(entry, by: waker)
    entry.pointee.state = FibrilStateNumber.runnable
    fibril_store_barrier()
    entry.pointee.sequence &+= 1
    enqueue(entry)
    emitWake(entry, by: waker)
  }

  @inline(__always)
  func noteWoken(_ entry: EntryRef, by waker: Waker) {
    if entry.pointee.own & OwnFlag.timer != 0 { pointee.timers.remove(entry) }
    entry.pointee.since = waker.time
    entry.pointee.next_number = nextNumber
    entry.pointee.reason = 0
    entry.pointee.deadline = 0
    entry.pointee.owner = 0
    pointee.slot.pointee.counts.wakes += 1
  }

  @inline(__always)
  func emitWake(_ entry: EntryRef, by waker: Waker) {
    unsafe fibril_emit_wake(
      pointee.buffer, pointee.id, waker.time, entry.pointee.id, waker.task, waker.fibril)
  }

  @inline(__always)
  func enqueue(_ entry: EntryRef) {
    pointee.runQueue.append(entry)
    pointee.slot.pointee.runnable += 1
  }

  /// The running fibril as the waker of another, now; none while the task sleeps.
  @inline(__always)
  func selfAsWaker() -> Waker {
    Waker(
      time: fibril_ticks(), task: UInt32(truncatingIfNeeded: pointee.id), fibril: pointee.slot.pointee.running)
  }
}
