internal import CFibril
internal import CFibrilContract
internal import Glibc

// Cancellation, as the seed has it: the fibril's wait ends as if a signal had come. Its blocked call
// returns -EINTR, its other waits throw `WaitError.cancelled`, and so does every later one, like those
// of a thread with a signal pending. The fibril unwinds by its own code, and its stack is freed after
// that.

extension Ref<fibril_entry> {
  /// Cancelled, and not shielded from it.
  @inline(__always)
  var isInterrupted: Bool {
    pointee.flags & EntryFlag.cancelled != 0 && pointee.own & OwnFlag.shielded == 0
  }
}

extension TaskRef {
  /// Cancels the fibril of this task that has this id in `entry`; one that has ended is none.
  func cancel(_ entry: EntryRef, id: UInt64, by waker: Waker) {
    guard entry.pointee.id == id, entry.pointee.state != FibrilStateNumber.dead else { return }
    entry.pointee.flags |= EntryFlag.cancelled
    interruptIfBlocked(entry, by: waker)
  }

  private func interruptIfBlocked(_ entry: EntryRef, by waker: Waker) {
    guard entry.isInterrupted, entry.pointee.state == FibrilStateNumber.blocked else { return }
    if entry.pointee.call >= 0 {
      interruptCall(entry)
    } else if entry.pointee.own & OwnFlag.uninterruptible == 0 {
      interruptWait(entry, code: -Int64(EINTR), by: waker)
    }
  }
}

extension Fibril {
  /// Whether somebody has cancelled the running fibril.
  public static var isCancelled: Bool {
    guard let task = currentTask() else { return false }
    return task.pointee.running.pointee.flags & EntryFlag.cancelled != 0
  }

  /// Runs `body` as if the fibril had not been cancelled: for what must be done on the way out, such as
  /// writing what is left. A cancellation is felt by the first wait after it.
  public static func withoutCancellation<Value: ~Copyable, Failure: Error>(
    _ body: () throws(Failure) -> Value
  ) throws(Failure) -> Value {
    let fibril = requireTask().pointee.running
    let before = fibril.pointee.own & OwnFlag.shielded
    fibril.pointee.own |= OwnFlag.shielded
    defer { fibril.pointee.own = fibril.pointee.own & ~OwnFlag.shielded | before }
    return try body()
  }
}
