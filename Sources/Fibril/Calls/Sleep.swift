internal import CFibril
internal import CFibrilContract
internal import Glibc

/// What `nanosleep` and `clock_nanosleep` ask for. They wait in the task's own timers, as everything with
/// a deadline does: a pending one costs its entry, and no request in the kernel.
enum Sleep {
  /// CLOCK_MONOTONIC in ns.
  case until(UInt64)
  /// -errno.
  case refused(Int64)
  /// A clock that the task does not wait by.
  case byAnotherClock

  init(_ call: SystemCall) {
    let (a, b, c, _, _, _) = call.arguments
    let isPlain = call.number == .nanosleep
    let time = isPlain ? a : c
    let isAbsolute = !isPlain && b & UInt64(TIMER_ABSTIME) != 0
    // A time on CLOCK_REALTIME that is not absolute is not moved by setting that clock.
    guard isPlain || a == CLOCK_MONOTONIC || a == CLOCK_REALTIME && !isAbsolute else {
      self = .byAnotherClock
      return
    }
    let error = fibril_check_time(time)
    guard error == 0 else {
      self = .refused(error)
      return
    }
    let asked = unsafe UnsafePointer<timespec>(bitPattern: UInt(time))!.pointee
    let duration = Duration.seconds(asked.tv_sec) + .nanoseconds(asked.tv_nsec)
    // 0 would be no deadline.
    self = .until(max(1, isAbsolute ? duration.clampedNanoseconds : Deadline.after(duration).nanoseconds))
  }
}

extension TaskRef {
  /// The call in `entry` sleeps until its end, or is interrupted at `limit` if that comes before.
  func beginSleep(_ entry: EntryRef, end: UInt64, until limit: UInt64) {
    entry.pointee.own |= OwnFlag.sleeps
    entry.pointee.arguments.5 = end  // which neither call has
    arm(entry, limit)
  }

  /// Its timer has fired.
  func endSleep(_ entry: EntryRef, now: UInt64) {
    if entry.pointee.arguments.5 <= now {
      finishSleep(entry, result: 0)
    } else {
      entry.pointee.own |= OwnFlag.timedOut
      interruptCall(entry)
    }
  }

  func finishSleep(_ entry: EntryRef, result: Int64) {
    entry.pointee.own &= ~OwnFlag.sleeps
    if entry.pointee.own & OwnFlag.timer != 0 { pointee.timers.remove(entry) }
    finishCall(entry, result: result)
  }
}
