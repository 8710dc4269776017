internal import CFibril
internal import CFibrilContract
internal import Glibc

// The end of a call: what the ring or a helper says of it, and who is told.

extension TaskRef {
  /// io_uring has ended its operation for the call in `entry`: starts another one for the rest of a write
  /// that was cut short, or for a call that something else than this task has interrupted, or finishes it.
  func finishOperation(_ entry: EntryRef, result: Int64) {
    let done = entry.pointee.result
    let call = SystemCall(of: entry)
    if result == -Int64(EPIPE), done == 0, call.signalsBrokenPipe {
      _ = fibril_system_call(
        Int64(SYS_tgkill), UInt64(getpid()), UInt64(pointee.threadID), UInt64(SIGPIPE), 0, 0, 0)
    }
    if entry.pointee.own & OwnFlag.interrupting != 0 {
      // The bare call knows one way only of being interrupted.
      return finishCall(entry, result: SystemCall.total(done, result == -Int64(ECANCELED) ? -Int64(EINTR) : result))
    }
    guard result == -Int64(EINTR) || result > 0 && call.goesOn(after: done + result) else {
      return finishCall(entry, result: SystemCall.total(done, result))
    }
    entry.pointee.result = done + max(result, 0)
    start(call, done: entry.pointee.result, in: entry, .ring)
  }

  /// A helper has made the call in `entry`.
  func finishHelpersCall(_ entry: EntryRef) {
    pointee.outgoing.withHelpers -= 1
    finishCall(entry, result: entry.pointee.result)
  }

  /// The call in `entry` is done: wakes the fibril that made it, or queues the completion.
  func finishCall(_ entry: EntryRef, result: Int64) {
    if entry.pointee.own & OwnFlag.interrupting != 0 { noteInterruption(entry, result) }
    let waker = Waker(time: fibril_ticks())
    guard entry.pointee.flags & EntryFlag.call != 0 else {
      beginWake(entry)
      entry.pointee.flags &= ~EntryFlag.helper
      entry.pointee.result = result
      entry.pointee.call = -1
      return finishWake(entry, by: waker)
    }
    let id = entry.pointee.id
    let cookie = entry.pointee.cookie
    unpublish(entry)
    pointee.slot.pointee.counts.wakes += 1
    pointee.pendingCalls -= 1
    unsafe fibril_emit_wake(pointee.buffer, pointee.id, waker.time, id, 0, 0)
    complete(id, cookie: cookie, result: result)
  }

  /// A call's teardown: its code is queued and whoever waits for that is woken.
  @inline(__always)
  func complete(_ id: UInt64, cookie: UInt64, result: Int64) {
    pointee.slot.pointee.counts.teardowns += 1
    unsafe fibril_emit_teardown(pointee.buffer, pointee.id, id, result)
    pointee.completions.append(Completion(cookie: cookie, result: result))
    wakeCollectors()
  }

  /// An interrupted sleep of the task's own says what is left of it, as the bare call does.
  @inline(never)
  private func noteInterruption(_ entry: EntryRef, _ result: Int64) {
    entry.pointee.own &= ~OwnFlag.interrupting
    guard result == -Int64(EINTR), entry.pointee.flags & EntryFlag.helper == 0 else { return }
    let (a, b, c, d, _, _) = entry.pointee.arguments
    let elapsed = (fibril_ticks() &- entry.pointee.since) &* 1000 / (fibril_ticks_a_millisecond() / 1000)
    switch entry.pointee.call {
    case SYS_nanosleep: fibril_tell_time_left(a, b, elapsed)
    case SYS_clock_nanosleep where b & UInt64(TIMER_ABSTIME) == 0: fibril_tell_time_left(c, d, elapsed)
    default: break
    }
  }
}

extension SystemCall {
  /// Whether the bare call would have sent SIGPIPE where the operation, which adds MSG_NOSIGNAL, does not.
  fileprivate var signalsBrokenPipe: Bool {
    switch number {
    case .sendto: arguments.3 & UInt64(MSG_NOSIGNAL) == 0
    case .sendmsg: arguments.2 & UInt64(MSG_NOSIGNAL) == 0
    default: false
    }
  }

  /// Whether a call that has transferred `bytes` goes on. The bare write waits for room in a pipe or
  /// socket until all is written; the operation ends with what there was room for.
  fileprivate func goesOn(after bytes: Int64) -> Bool {
    number == .write && bytes < arguments.2
  }
}
