internal import CFibril
internal import CFibrilContract
internal import Glibc

/// Why a wait ended without what it waited for.
public enum WaitError: Error, Equatable, Sendable {
  /// The fibril was cancelled (`Fibril.cancel`): before the wait or during it.
  case cancelled
  /// The deadline passed.
  case timedOut

  /// From what `TaskRef.wait` returns; nil: the wait has what it waited for.
  @inline(__always)
  init?(code: Int64) {
    guard code != 0 else { return nil }
    self = code == -Int64(ETIMEDOUT) ? .timedOut : .cancelled
  }
}

/// The runtime's bits of an entry's `own` byte.
enum OwnFlag {
  /// The call in the entry is being interrupted.
  static let interrupting: UInt8 = 1
  /// It is in the task's timer heap.
  static let timer: UInt8 = 2
  /// Its deadline has passed while its call could not end yet.
  static let timedOut: UInt8 = 4
  /// Cancellation waits until it lets it in again.
  static let shielded: UInt8 = 8
  /// Somebody in another task or thread waits for its end.
  static let joinedFromElsewhere: UInt8 = 16
  /// Its wait ends only by what it waits for.
  static let uninterruptible: UInt8 = 32
  /// The call in the entry sleeps by the task's timers.
  static let sleeps: UInt8 = 64
}

extension TaskRef {
  /// Blocks the running fibril until it is woken (0), cancelled (-EINTR) or the deadline, in ns of
  /// CLOCK_MONOTONIC, has passed (-ETIMEDOUT). Nothing may come between the caller's last look at what
  /// it waits for and this.
  func wait(reason: fibril_reason, object: UInt64, deadline: UInt64 = 0) -> Int64 {
    let fibril = pointee.running
    guard !fibril.isInterrupted else { return -Int64(EINTR) }
    fibril.pointee.result = 0
    if deadline != 0 { arm(fibril, deadline) }
    block(reason: reason, object: object, deadline: deadline)
    return fibril.pointee.result
  }

  /// Blocks the running fibril until it is woken, cancelled or not.
  func waitUninterruptibly(reason: fibril_reason, object: UInt64) {
    let fibril = pointee.running
    fibril.pointee.own |= OwnFlag.uninterruptible
    block(reason: reason, object: object)
    fibril.pointee.own &= ~OwnFlag.uninterruptible
  }

  /// From here on the deadline will be looked after, until the wake of `entry`.
  func arm(_ entry: EntryRef, _ deadline: UInt64) {
    entry.pointee.deadline = deadline
    pointee.timers.insert(entry)
  }

  /// Ends the waits whose deadline has passed.
  func fireTimers() {
    guard pointee.timers.first != nil else { return }
    let now = fibril_ticks_monotonic()
    while let entry = pointee.timers.first, entry.pointee.deadline <= now {
      pointee.timers.remove(entry)
      if entry.pointee.own & OwnFlag.sleeps != 0 {
        endSleep(entry, now: now)
      } else if entry.pointee.call >= 0 {
        // One that was cancelled before stays that.
        if entry.pointee.own & OwnFlag.interrupting == 0 { entry.pointee.own |= OwnFlag.timedOut }
        // Too many signals are pending to send another one: once more in 10 ms.
        if !interruptCall(entry) { arm(entry, now + 10_000_000) }
      } else {
        interruptWait(entry, code: -Int64(ETIMEDOUT), by: Waker(time: fibril_ticks()))
      }
    }
  }

  /// Ends a wait that is no call, early.
  func interruptWait(_ entry: EntryRef, code: Int64, by waker: Waker) {
    beginWake(entry)
    entry.pointee.result = code
    finishWake(entry, by: waker)
  }
}
