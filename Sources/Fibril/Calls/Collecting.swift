internal import CFibril
internal import CFibrilContract
internal import Glibc

// Collecting completions: fibrils wait in the order in which they came, each for its own minimum.

extension TaskRef {
  /// Blocks the running fibril until there are `wanted` completions, or until no call is pending that
  /// could still complete. Returns 0; -EINTR if the fibril has been cancelled, and -ETIMEDOUT.
  func awaitCompletions(_ wanted: Int, deadline: UInt64 = 0) -> Int64 {
    harvestIfDue()
    guard !hasCompletions(wanted) else { return 0 }
    var waiter = fibril_waiter()
    waiter.entry = pointee.running.bits
    waiter.key = UInt64(wanted)
    return unsafe withUnsafeMutablePointer(to: &waiter) { waiter in
      var code: Int64 = 0
      while code == 0, !hasCompletions(wanted) {
        if unsafe waiter.pointee.queued == 0 { unsafe fibril_queue_append(&pointer.pointee.collectors, waiter) }
        code = wait(reason: FIBRIL_REASON_COMPLETIONS, object: 0, deadline: deadline)
      }
      if unsafe waiter.pointee.queued != 0 {
        unsafe fibril_queue_remove(&pointer.pointee.collectors, waiter)
        // What was too little for this one may be enough for the next in line.
        wakeCollectors()
      }
      return hasCompletions(wanted) ? 0 : code
    }
  }

  private func hasCompletions(_ wanted: Int) -> Bool {
    pointee.completions.count >= wanted || pointee.pendingCalls == 0
  }

  /// Takes up to `maximum` completions, oldest first. Returns how many.
  @inline(__always)
  func takeCompletions(_ maximum: Int, _ body: (Completion) -> Void) -> Int {
    var count = 0
    while count < maximum, let completion = pointee.completions.popFirst() {
      body(completion)
      count += 1
    }
    // What is left over may be enough for the next in line.
    if count > 0 { wakeCollectors() }
    return count
  }

  /// Wakes the waiting fibrils, in order, that can have as many completions as they want.
  @inline(__always)
  func wakeCollectors() {
    if unsafe pointee.collectors.first != nil { wakeFirstCollectors() }
  }

  private func wakeFirstCollectors() {
    var available = pointee.completions.count
    while let waiter = unsafe pointee.collectors.first {
      let wanted = unsafe Int(waiter.pointee.key)
      guard available >= wanted || pointee.pendingCalls == 0 else { return }
      unsafe fibril_queue_remove(&pointer.pointee.collectors, waiter)
      available = max(0, available - wanted)  // less than wanted when nothing is pending any more
      let entry = unsafe EntryRef(bits: waiter.pointee.entry)!
      // Otherwise its wait has just ended another way.
      if entry.pointee.state == FibrilStateNumber.blocked { wake(entry, by: Waker(time: fibril_ticks())) }
    }
  }

  /// The end of the task, by its root fibril: interrupts all submitted calls and waits until they have
  /// ended; their completions are dropped.
  func drainCalls() {
    pointee.running.pointee.own |= OwnFlag.shielded
    interruptEverything()
    while pointee.pendingCalls > 0 {
      _ = takeCompletions(.max) { _ in }
      // A signal that could not be sent is tried again.
      if awaitCompletions(1, deadline: Deadline.after(.milliseconds(10)).nanoseconds) == -Int64(ETIMEDOUT) {
        interruptCalls { _ in true }
      }
    }
    _ = takeCompletions(.max) { _ in }
  }
}
