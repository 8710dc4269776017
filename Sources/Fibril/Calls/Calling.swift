internal import CFibril
internal import CFibrilContract
internal import Glibc

// Beginning a call: in turn, through the ring or by a helper, for a submitter or for a fibril that makes
// the call itself.

extension TaskRef {
  /// Submits a call; its completion can be collected later. Never blocks. What is for others to do goes
  /// to them with the next `startSubmitted`.
  func submit(_ call: SystemCall) throws(FibrilError) {
    let parent = pointee.running.pointee.id
    switch begin(call, mayPutOff: false) {
    case .done(let result):
      let id = takeID()
      announceCall(call, id: id, parent: parent)
      complete(id, cookie: call.cookie, result: result)
      // A vector of them takes as long as many switches, and others' calls have completed meanwhile.
      pointee.switchesUntilHarvest -= 1
    case .pends(let route, let done, let end):
      let entry: EntryRef
      do throws(FibrilError) {
        entry = try makeEntry(flags: EntryFlag.call, call: call.number.rawValue, parent: parent)
      } catch {
        guard done > 0 else { throw error }
        // What it has done it has done.
        let id = takeID()
        announceCall(call, id: id, parent: parent)
        return complete(id, cookie: call.cookie, result: done)
      }
      entry.pointee.arguments = call.arguments
      entry.pointee.cookie = call.cookie
      entry.pointee.result = done
      announceCall(call, id: entry.pointee.id, parent: parent)
      let now = noteBlocked(entry, reason: FIBRIL_REASON_CALL, object: UInt64(call.number.rawValue), deadline: end)
      publish(entry, state: FibrilStateNumber.blocked)
      pointee.pendingCalls += 1
      unsafe fibril_emit_block(
        pointee.buffer, pointee.id, now, entry.pointee.id, FIBRIL_REASON_CALL.rawValue, UInt64(call.number.rawValue),
        end)
      if route == .timer {
        beginSleep(entry, end: end, until: end)
      } else {
        start(call, done: done, in: entry, route)
      }
    }
  }

  /// Makes a call for the running fibril, which blocks until it is done, interrupted when the deadline
  /// (CLOCK_MONOTONIC in ns, 0: none) has passed. Returns -errno on failure: -EINTR too if the fibril is
  /// cancelled, -ETIMEDOUT at the deadline.
  func call(_ call: SystemCall, deadline: UInt64 = 0) -> Int64 {
    let (route, done, end): (Route, Int64, UInt64)
    switch begin(call, mayPutOff: true) {
    case .done(let result):
      // Calls that are always ready must not keep the task from the others, nor from what happens meanwhile.
      if somethingIsDue(), !pointee.runsJob { yieldAfterHarvest() }
      return result
    case .pends(let chosen, let bytes, let time): (route, done, end) = (chosen, bytes, time)
    }
    harvestIfDue()
    let fibril = pointee.running
    guard !fibril.isInterrupted else { return SystemCall.total(done, -Int64(EINTR)) }
    fibril.pointee.arguments = call.arguments
    fibril.pointee.call = call.number.rawValue
    fibril.pointee.result = done
    let limit = end != 0 && (deadline == 0 || end < deadline) ? end : deadline
    if route == .timer {
      beginSleep(fibril, end: end, until: limit)
    } else {
      start(call, done: done, in: fibril, route)
      if pointee.ring != nil, pointee.ring!.isWorthSubmitting { pointee.ring!.submit(waitFor: 0) }
      if limit != 0 { arm(fibril, limit) }
    }
    block(reason: FIBRIL_REASON_CALL, object: UInt64(call.number.rawValue), deadline: limit)
    let isLate = fibril.pointee.own & OwnFlag.timedOut != 0
    fibril.pointee.own &= ~OwnFlag.timedOut
    return isLate && fibril.pointee.result == -Int64(EINTR) ? -Int64(ETIMEDOUT) : fibril.pointee.result
  }

  /// How a call has begun.
  private enum Beginning {
    case done(Int64)
    /// It is for somebody else to go on, after so many bytes; or it is over at a time.
    case pends(Route, Int64, end: UInt64 = 0)
  }

  @inline(__always)
  private func begin(_ call: SystemCall, mayPutOff: Bool) -> Beginning {
    renewIfForked()
    switch pointee.inlineCalls.choose(call.number.rawValue) {
    case .inline, .watched: return .done(runInline(call))
    case .closing: return beginClosing(call)
    case .ring: return beginWithoutWaiting(call, mayPutOff)
    case .timer: return beginSleep(call)
    case .helper: return .pends(.helper, 0)
    case .byArguments: return beginByArguments(call)
    case .identity: return .done(changeIdentity(call))
    case .refused: return .done(-Int64(EOPNOTSUPP))
    }
  }

  @inline(never)
  private func beginByArguments(_ call: SystemCall) -> Beginning {
    if call.number == .rt_sigtimedwait, let result = takeSignal(call) { return .done(result) }
    switch CallClass.resolve(call) {
    case .helper: return .pends(.helper, 0)
    case .identity: return .done(changeIdentity(call))
    case .refused: return .done(-Int64(EOPNOTSUPP))
    // A poll that does not wait asks the file all the same, and FUSE asks its server.
    case .inline where Self.asksFiles(call) && pointee.inlineCalls.filesMayHang: return .pends(.helper, 0)
    default: return .done(runInline(call))
    }
  }

  private static func asksFiles(_ call: SystemCall) -> Bool {
    #if arch(x86_64)
      if call.number == .poll || call.number == .epoll_wait { return true }
    #endif
    return call.number == .epoll_pwait
  }

  /// A signal that was sent to this thread alone, which a helper would not see: one that has come already.
  private func takeSignal(_ call: SystemCall) -> Int64? {
    var attempt = call
    var none = timespec()
    let result = unsafe withUnsafePointer(to: &none) { none in
      attempt.arguments.2 = UInt64(UInt(bitPattern: none))
      return attempt.run()
    }
    return result == -Int64(EAGAIN) ? nil : result
  }

  @inline(never)
  private func beginClosing(_ call: SystemCall) -> Beginning {
    let isClose = call.number == .close
    let mayWait =
      fibril_close_waits(isClose ? call.arguments.0 : call.arguments.1)
      || pointee.inlineCalls.chooseClosing(call.number.rawValue) == .helper
    return mayWait ? .pends(.helper, 0) : .done(runInline(call))
  }

  /// A call that may wait: first as far as it goes without that. One that a fibril makes may be put off, for
  /// the fibril waits anyway; one that is submitted is to be on its way.
  @inline(never)
  private func beginWithoutWaiting(_ call: SystemCall, _ mayPutOff: Bool) -> Beginning {
    switch pointee.inlineCalls.attempt(call) {
    case .done(let result): return .done(result)
    case .waits(let done): return .pends(pointee.ring == nil || isForHelpers(call) ? .helper : .ring, done)
    case .later where mayPutOff && pointee.ring != nil: return .pends(.later, 0)
    case .untried, .later: break
    }
    guard pointee.ring != nil else { return .pends(.helper, 0) }
    if RingOperation.refusesToWait(call) { return .done(runInline(call)) }
    guard !isForHelpers(call) else { return .pends(.helper, 0) }
    return .pends(call.number == .openat && opensSomethingThatWaits(call) ? .helper : .ring, 0)
  }

  @inline(never)
  private func beginSleep(_ call: SystemCall) -> Beginning {
    switch Sleep(call) {
    case .until(let end): .pends(.timer, 0, end: end)
    case .refused(let error): .done(error)
    case .byAnotherClock: .pends(.helper, 0)
    }
  }

  /// Whether an open may have to wait for another party, as for the other end of a FIFO. io_uring first
  /// tries with O_NONBLOCK, which opens a FIFO or fails; and its workers are too few to wait in.
  private func opensSomethingThatWaits(_ call: SystemCall) -> Bool {
    guard !RingOperation.opensAtOnce(call) else { return false }
    let look = SystemCall.Number.newfstatat
    guard pointee.inlineCalls.choose(look.rawValue) == .inline else { return true }
    var status = stat()
    let result = unsafe withUnsafeMutablePointer(to: &status) { status in
      runInline(SystemCall(look, call.arguments.0, call.arguments.1, UInt64(UInt(bitPattern: status))))
    }
    // What is not there is made as a file, or not at all.
    return result == 0 && status.st_mode & S_IFMT != S_IFREG && status.st_mode & S_IFMT != S_IFDIR
  }

  @inline(__always)
  private func runInline(_ call: SystemCall) -> Int64 {
    pointee.inlineCalls.run(call, counts: &pointee.slot.pointee.counts)
  }

  /// Runs a call that changes what helpers inherit; from here on there are new ones.
  private func changeIdentity(_ call: SystemCall) -> Int64 {
    let result = runInline(call)
    if result >= 0 { noteSurroundings(call) }
    pointee.inlineCalls.hangingMounts.forget()
    if pointee.helpers != nil { replaceHelpers() }
    return result
  }

  private func announceCall(_ call: SystemCall, id: UInt64, parent: UInt64) {
    pointee.slot.pointee.counts.submits += 1
    unsafe fibril_emit_submit(pointee.buffer, pointee.id, id, parent, call.number.rawValue, 0, 0, nil)
  }
}
