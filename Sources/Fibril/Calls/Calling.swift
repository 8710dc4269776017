internal import CFibril
internal import CFibrilContract
internal import Glibc

// Running a call: in turn, through the ring or by a helper, for a submitter or for a fibril that
// makes the call itself.

extension TaskRef {
  /// Submits a call; its completion can be collected later. Never blocks.
  func submit(_ call: SystemCall) throws(FibrilError) {
    let parent = pointee.running.pointee.id
    let plan = plan(for: call)
    switch plan {
    case .inline, .watched:
      let id = announceCall(call, id: takeID(), parent: parent)
      complete(id, cookie: call.cookie, result: runInline(call))
      // A vector of them takes as long as many switches, and others' calls have completed meanwhile.
      pointee.switchesUntilHarvest -= 1
    case .identity:
      let id = announceCall(call, id: takeID(), parent: parent)
      complete(id, cookie: call.cookie, result: changeIdentity(call))
    case .refused:
      let id = announceCall(call, id: takeID(), parent: parent)
      complete(id, cookie: call.cookie, result: -Int64(EOPNOTSUPP))
    case .ring, .helper:
      let entry = try makeEntry(flags: EntryFlag.call, call: call.number.rawValue, parent: parent)
      entry.pointee.arguments = call.arguments
      entry.pointee.cookie = call.cookie
      announceCall(call, id: entry.pointee.id, parent: parent)
      let now = noteBlocked(entry, reason: FIBRIL_REASON_CALL, object: UInt64(call.number.rawValue), deadline: 0)
      publish(entry, state: FibrilStateNumber.blocked)
      pointee.pendingCalls += 1
      unsafe fibril_emit_block(
        pointee.buffer, pointee.id, now, entry.pointee.id, FIBRIL_REASON_CALL.rawValue, UInt64(call.number.rawValue), 0)
      start(call, in: entry, plan)
    }
  }

  /// Makes a call for the running fibril, which blocks until it is done. Returns -errno on failure.
  func call(
    _ call: SystemCall, reason: fibril_reason = FIBRIL_REASON_CALL, object: UInt64? = nil, deadline: UInt64 = 0
  ) -> Int64 {
    let plan = plan(for: call)
    switch plan {
    case .inline, .watched: return runInline(call)
    case .identity: return changeIdentity(call)
    case .refused: return -Int64(EOPNOTSUPP)
    case .ring, .helper: break
    }
    harvestIfDue()
    let fibril = pointee.running
    fibril.pointee.arguments = call.arguments
    fibril.pointee.call = call.number.rawValue
    fibril.pointee.result = 0
    start(call, in: fibril, plan)
    if fibril.pointee.call >= 0 {
      block(reason: reason, object: object ?? UInt64(call.number.rawValue), deadline: deadline)
    }
    return fibril.pointee.result
  }

  /// How the call is to run; never `.watched`.
  private func plan(for call: SystemCall) -> CallClass {
    renewIfForked()
    let plan = pointee.inlineCalls.choose(call.number.rawValue)
    guard plan == .ring, pointee.ring != nil else { return plan }
    if RingOperation.refusesToWait(call) { return .inline }
    return call.number == .openat && opensSomethingThatWaits(call) ? .helper : plan
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

  private func runInline(_ call: SystemCall) -> Int64 {
    pointee.inlineCalls.run(call, stalls: &pointee.slot.pointee.counts.inline_stalls)
  }

  /// Runs a call that changes what helpers inherit; from here on there are new ones.
  private func changeIdentity(_ call: SystemCall) -> Int64 {
    let result = runInline(call)
    pointee.helpers?.retire()
    pointee.helpers = nil
    (pointee.slot.pointee.helpers, pointee.slot.pointee.helper_queue) = (0, 0)
    return result
  }

  /// Hands the call in `entry` to the kernel or to a helper.
  private func start(_ call: SystemCall, in entry: EntryRef, _ plan: CallClass) {
    if plan == .ring, pointee.ring != nil, let operation = RingOperation(call) {
      pointee.ring!.add(operation, userData: entry.bits)
      return
    }
    if pointee.helpers == nil { pointee.helpers = unsafe HelperPool(mailbox: pointee.mailbox.shared) }
    entry.pointee.flags |= EntryFlag.helper
    if pointee.helpers!.submit(entry) {
      (pointee.slot.pointee.helpers, pointee.slot.pointee.helper_queue) = pointee.helpers!.loadForTable
    } else {
      // No thread to be had at all: better this task waits than that the call never happens.
      pointee.slot.pointee.counts.inline_stalls += 1
      finishCall(entry, result: runInline(call))
    }
  }

  /// io_uring has ended its operation for the call in `entry`: starts another for the rest of a write
  /// that was cut short, or finishes the call.
  func finishOperation(_ entry: EntryRef, result: Int64) {
    let before = entry.pointee.result
    guard result > 0, let rest = RingOperation(restOf: entry, done: UInt64(before + result)) else {
      // What was written counts, and not why the rest was not.
      return finishCall(entry, result: before > 0 ? before + max(result, 0) : result)
    }
    entry.pointee.result = before + result
    pointee.ring!.add(rest, userData: entry.bits)
  }

  /// The call in `entry` is done: wakes the fibril that made it, or queues the completion.
  func finishCall(_ entry: EntryRef, result: Int64) {
    let result = RingOperation.resultOfCall(entry.pointee.call, result)
    let waker = Waker(time: fibril_ticks())
    guard entry.pointee.flags & EntryFlag.call != 0 else {
      // It runs still if no helper could be had.
      let isBlocked = entry.pointee.state == FibrilStateNumber.blocked
      if isBlocked { beginWake(entry) }
      entry.pointee.flags &= ~EntryFlag.helper
      entry.pointee.result = result
      entry.pointee.call = -1
      if isBlocked { finishWake(entry, by: waker) }
      return
    }
    let id = entry.pointee.id
    let cookie = entry.pointee.cookie
    unpublish(entry)
    pointee.slot.pointee.counts.wakes += 1
    pointee.pendingCalls -= 1
    unsafe fibril_emit_wake(pointee.buffer, pointee.id, waker.time, id, 0, 0)
    complete(id, cookie: cookie, result: result)
  }

  @discardableResult
  private func announceCall(_ call: SystemCall, id: UInt64, parent: UInt64) -> UInt64 {
    pointee.slot.pointee.counts.submits += 1
    unsafe fibril_emit_submit(pointee.buffer, pointee.id, id, parent, call.number.rawValue, 0, 0, nil)
    return id
  }

  /// A call's teardown: its code is queued and whoever waits for that is woken.
  private func complete(_ id: UInt64, cookie: UInt64, result: Int64) {
    pointee.slot.pointee.counts.teardowns += 1
    unsafe fibril_emit_teardown(pointee.buffer, pointee.id, id, result)
    pointee.completions.append(Completion(cookie: cookie, result: result))
    wakeCollectors()
  }
}

extension HelperPool {
  /// As the task's slot shows it.
  fileprivate var loadForTable: (UInt64, UInt64) {
    let (helpers, waiting) = load
    return (UInt64(helpers), UInt64(waiting))
  }
}
