internal import CFibril
internal import CFibrilContract

// The switch: who runs next, and what is carried over. Nothing here allocates, locks or counts
// references. The order is the same everywhere: first the table, then the event (fibril_table.h).

extension TaskRef {
  /// Gives the task up to the first runnable fibril, or to the kernel if there is none. The caller
  /// has noted in its entry why; this returns when the fibril runs again.
  func leave(_ state: UInt8) {
    let previous = pointee.running
    if let next = pointee.runQueue.popFirst() {
      pointee.slot.pointee.runnable -= 1
      pointee.slot.pointee.counts.switches += 1
      announce(next)
      unsafe fibril_emit_switch(pointee.buffer, pointee.id, previous.pointee.id, next.pointee.id, UInt32(state))
      pointee.leaving = previous
      carryingPerCallState {
        unsafe fibril_context_switch(stackPointer(of: previous), next.pointee.stack_pointer)
      }
    } else {
      pointee.slot.pointee.running = 0
      pointee.slot.pointee.running_entry = 0
      pointee.slot.pointee.counts.sleeps += 1
      unsafe fibril_emit_switch(pointee.buffer, pointee.id, previous.pointee.id, 0, UInt32(state))
      pointee.leaving = previous
      carryingPerCallState {
        unsafe fibril_context_switch(stackPointer(of: previous), pointee.idleStackPointer)
      }
    }
    arrive()
  }

  /// From the kernel's sleep to `next`, on the idle stack.
  func resume(_ next: EntryRef) {
    pointee.slot.pointee.runnable -= 1
    pointee.slot.pointee.counts.resumes += 1
    announce(next)
    unsafe fibril_emit_switch(pointee.buffer, pointee.id, 0, next.pointee.id, 0)
    unsafe fibril_context_switch(&pointer.pointee.idleStackPointer, next.pointee.stack_pointer)
    arrive()
  }

  /// Notes that `next` is about to run. Its sequence stays odd until its context is saved again.
  @inline(__always)
  private func announce(_ next: EntryRef) {
    next.pointee.sequence &+= 1
    fibril_store_barrier()
    next.pointee.state = FibrilStateNumber.running
    next.pointee.next_number = nextNumber
    pointee.running = next
    pointee.slot.pointee.running = next.pointee.id
    pointee.slot.pointee.running_entry = next.bits
  }

  /// The first thing on every stack after a switch: the fibril that was left has a saved context
  /// now, or has ended and can be freed, for nothing runs on its stack any more.
  @inline(__always)
  func arrive() {
    guard let left = pointee.leaving else { return }
    pointee.leaving = nil
    fibril_store_barrier()
    left.pointee.sequence &+= 1
    if left.pointee.state == FibrilStateNumber.dead { bury(left) }
  }

  /// Per-call state that lives in the thread and belongs to the fibril: it waits on the fibril's own
  /// stack. errno; how floating-point arithmetic rounds; and Swift's set of open accesses, whose nodes
  /// lie on that same stack.
  @inline(__always)
  private func carryingPerCallState(_ body: () -> Void) {
    let savedErrno = unsafe pointee.errno.pointee
    let taskLocals = unsafe pointee.taskLocalHead?.pointee
    if unsafe taskLocals != nil { unsafe pointee.taskLocalHead!.pointee = nil }
    defer { if let head = unsafe pointee.taskLocalHead { unsafe head.pointee = taskLocals } }
    let floatControl = fibril_float_control()
    if let head = unsafe pointee.exclusivityHead {
      let accesses = unsafe head.pointee
      if unsafe accesses != nil { unsafe head.pointee = nil }
      body()
      if unsafe accesses != nil { unsafe head.pointee = accesses }
    } else {
      var accesses: (UInt, UInt) = (0, 0)
      unsafe withUnsafeMutableBytes(of: &accesses) { bytes in
        let state = unsafe bytes.assumingMemoryBound(to: CChar.self).baseAddress!
        unsafe swift_task_exitThreadLocalContext(state)
        body()
        unsafe swift_task_enterThreadLocalContext(state)
      }
    }
    fibril_float_control_set(floatControl)
    unsafe pointee.errno.pointee = savedErrno
  }

  @inline(__always)
  private func stackPointer(of entry: EntryRef) -> UnsafeMutablePointer<UInt64> {
    unsafe UnsafeMutableRawPointer(entry.pointer).advanced(by: stackPointerOffset)
      .assumingMemoryBound(to: UInt64.self)
  }
}

/// `offsetof(struct fibril_entry, stack_pointer)`, which fibril_table.h pins.
private let stackPointerOffset = 16
