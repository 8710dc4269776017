internal import CFibril
internal import CFibrilContract
internal import Glibc

// Interrupting calls: they end as if a signal had come. A call that waits returns -EINTR, one that has
// transferred something says how much, and one that can not be interrupted goes on to its end; its entry
// and what its arguments point to are the kernel's until then.

extension TaskRef {
  /// Makes the pending call in `entry` end soon, with -EINTR unless it is done before that. May finish it
  /// at once. Returns false if it goes on, because its helper could not be sent a signal: the program
  /// has come to handle that itself, or has as many signals pending as it may.
  @discardableResult
  func interruptCall(_ entry: EntryRef) -> Bool {
    renewIfForked()  // which ends what the parent's helpers and ring were doing
    guard entry.pointee.call >= 0, entry.pointee.state == FibrilStateNumber.blocked,
      entry.pointee.own & OwnFlag.interrupting == 0
    else { return true }
    entry.pointee.own |= OwnFlag.interrupting
    if entry.pointee.own & OwnFlag.sleeps != 0 {
      finishSleep(entry, result: -Int64(EINTR))
      return true
    }
    if entry.pointee.flags & EntryFlag.helper != 0 { return interruptHelper(entry) }
    if pointee.outgoing.forRing.remove(entry) || pointee.outgoing.later.remove(entry) {
      finishInterrupted(entry)
    } else if !pointee.ring!.cancel(entry.bits) {
      pointee.outgoing.cancellations.append(Cancellation(entry: entry, id: entry.pointee.id))
    }
    return true
  }

  private func interruptHelper(_ entry: EntryRef) -> Bool {
    if pointee.outgoing.forHelpers.remove(entry) {
      pointee.outgoing.forHelpersCount -= 1
      finishInterrupted(entry)
      return true
    }
    let isPrepared = fibril_interrupt_prepare(pointee.outgoing.interruptSignal, false) == 0
    switch pointee.helpers!.interrupt(entry, bySignal: isPrepared) {
    case .taken:
      pointee.outgoing.withHelpers -= 1
      finishInterrupted(entry)
    case .underWay: break
    case .failed:
      entry.pointee.own &= ~OwnFlag.interrupting
      return false
    }
    return true
  }

  /// Interrupts the submitted calls with these cookies. Returns how many.
  @discardableResult
  func interruptCalls(_ isMeant: (UInt64) -> Bool) -> Int {
    var count = 0
    forEachPendingCall { entry in
      guard entry.pointee.flags & EntryFlag.call != 0, isMeant(entry.pointee.cookie) else { return }
      if interruptCall(entry) { count += 1 }
    }
    startSubmitted()
    return count
  }

  /// The same when no fibril is left that makes a call itself: then one word to the kernel is enough.
  func interruptEverything() {
    guard pointee.pendingCalls > 0 else { return }
    guard pointee.ring != nil, pointee.ring!.cancelEverything() else {
      interruptCalls { _ in true }
      return
    }
    // What the kernel has not got yet it can not cancel.
    while let entry = pointee.outgoing.forRing.popFirst() { finishInterrupted(entry) }
    while let entry = pointee.outgoing.later.popFirst() { finishInterrupted(entry) }
    forEachPendingCall { entry in
      if entry.pointee.flags & EntryFlag.helper != 0 || entry.pointee.own & OwnFlag.sleeps != 0 {
        interruptCall(entry)
      } else {
        entry.pointee.own |= OwnFlag.interrupting
      }
    }
    startSubmitted()
  }

  private func finishInterrupted(_ entry: EntryRef) {
    finishCall(entry, result: SystemCall.total(entry.pointee.result, -Int64(EINTR)))
  }

  /// Goes through the calls that have not ended, those of blocked fibrils among them. `body` may finish
  /// the call.
  func forEachPendingCall(_ body: (EntryRef) -> Void) {
    let chunks = unsafe UnsafePointer<UInt64>(bitPattern: UInt(pointee.slot.pointee.chunks))!
    for chunk in 0..<Int(pointee.slot.pointee.chunk_count) {
      for index in 0..<FibrilTable.entriesInChunk {
        let bits = unsafe chunks[chunk] + UInt64(index * MemoryLayout<fibril_entry>.stride)
        let entry = EntryRef(bits: bits)!
        if entry.pointee.id != 0, entry.pointee.call >= 0, entry.pointee.state == FibrilStateNumber.blocked {
          body(entry)
        }
      }
    }
  }
}
