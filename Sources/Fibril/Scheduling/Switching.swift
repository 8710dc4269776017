internal import CFibril
internal import CFibrilContract

// The switch: who runs next, and what is carried over. Nothing here allocates, locks or counts
// references. The order is the same everywhere: first the table, then the event (fibril_table.h).
//
// What a yield nearly always is makes no call before it ends in `fibril_context_switch`, and needs no
// frame; whatever is rare is apart, and called last as well.

extension TaskRef {
  /// Lets every runnable fibril run before this one goes on; no switch if there is none.
  @inline(__always)
  func yield() {
    if _slowPath(somethingIsDue()) { return yieldAfterHarvest() }
    guard _fastPath(!pointee.runQueue.isEmpty) else { return }
    yieldToFirst()
  }

  @inline(never)
  func yieldAfterHarvest() {
    if pointee.runsJob { refuseToPark() }
    harvestWhatIsDue()
    guard !pointee.runQueue.isEmpty else { return }
    yieldToFirst()
  }

  @inline(__always)
  private func yieldToFirst() {
    let fibril = pointee.running
    let number = nextNumber
    fibril.pointee.state = FibrilStateNumber.runnable
    fibril.pointee.next_number = number
    change(from: fibril, FibrilStateNumber.runnable, to: pointee.runQueue.rotate(fibril), number)
  }

  /// Gives the task up to the first runnable fibril, or to the kernel if there is none. The caller
  /// has noted in its entry why; this returns when the fibril runs again.
  func leave(_ state: UInt8) {
    guard let next = pointee.runQueue.popFirst() else { return fallAsleep(state) }
    pointee.slot.pointee.runnable &-= 1
    pointee.runQueue.prefetchFirst()
    change(from: pointee.running, state, to: next, nextNumber)
  }

  /// The same for a fibril that has ended: says where to go on.
  func depart() -> fibril_departure {
    let fibril = pointee.running
    let state = FibrilStateNumber.dead
    let stackPointer: UInt64
    if let next = pointee.runQueue.popFirst() {
      pointee.slot.pointee.runnable &-= 1
      noteChange(to: next, nextNumber)
      emitSwitch(from: fibril, state, to: next.pointee.id)
      stackPointer = next.pointee.stack_pointer
    } else {
      noteSleep()
      emitSwitch(from: fibril, state, to: 0)
      stackPointer = pointee.idleStackPointer
    }
    // Written rather than read, which would take four times as long.
    let floatControl = unsafe pointee.perCall.float_control
    fibril_float_control_set(floatControl)
    return fibril_departure(next_sp: stackPointer, float_control: floatControl)
  }

  @inline(__always)
  private func change(from previous: EntryRef, _ state: UInt8, to next: EntryRef, _ number: UInt64) {
    noteChange(to: next, number)
    if _slowPath(fibril_traces_scheduling()) { return emitAndSwitchStacks(from: previous, state, to: next) }
    switchStacks(from: previous, to: next.pointee.stack_pointer)
  }

  @inline(never)
  private func emitAndSwitchStacks(from previous: EntryRef, _ state: UInt8, to next: EntryRef) {
    emitSwitch(from: previous, state, to: next.pointee.id)
    switchStacks(from: previous, to: next.pointee.stack_pointer)
  }

  @inline(never)
  private func fallAsleep(_ state: UInt8) {
    let previous = pointee.running
    noteSleep()
    emitSwitch(from: previous, state, to: 0)
    switchStacks(from: previous, to: pointee.idleStackPointer)
  }

  /// From the kernel's sleep to `next`, on the idle stack.
  func resume(_ next: EntryRef) {
    pointee.slot.pointee.runnable &-= 1
    pointee.slot.pointee.counts.resumes &+= 1
    announce(next, nextNumber, in: pointee.slot)
    unsafe fibril_emit_switch(pointee.buffer, pointee.id, 0, next.pointee.id, 0)
    let switchStacks = unsafe fibril_tools_active() ? fibril_tools_switch : fibril_context_switch
    // The core stays where it is.
    let idle = unsafe withUnsafeMutablePointer(to: &pointer.pointee.idleEntry) { UInt64(UInt(bitPattern: $0)) }
    unsafe switchStacks(&pointer.pointee.idleStackPointer, next.pointee.stack_pointer, idle, pointee.perCall.error)
  }

  @inline(__always)
  private func noteChange(to next: EntryRef, _ number: UInt64) {
    let slot = pointee.slot
    slot.pointee.counts.switches &+= 1
    announce(next, number, in: slot)
  }

  @inline(__always)
  private func noteSleep() {
    pointee.slot.pointee.running = 0
    pointee.slot.pointee.running_entry = 0
    pointee.slot.pointee.counts.sleeps &+= 1
  }

  /// Notes that `next` is about to run. Its sequence stays odd until its context is saved again
  /// (`fibril_note_left`).
  @inline(__always)
  private func announce(_ next: EntryRef, _ number: UInt64, in slot: SlotRef) {
    next.pointee.sequence &+= 1
    fibril_store_barrier()
    next.pointee.state = FibrilStateNumber.running
    next.pointee.next_number = number
    pointee.running = next
    slot.pointee.running = next.pointee.id
    slot.pointee.running_entry = next.bits
  }

  @inline(__always)
  private func emitSwitch(from previous: EntryRef, _ state: UInt8, to next: UInt64) {
    unsafe fibril_emit_switch(pointee.buffer, pointee.id, previous.pointee.id, next, UInt32(state))
  }

  /// Changes stacks. Per-call state, which lies in the thread and belongs to the fibril, waits on the
  /// fibril's own stack.
  @inline(__always)
  private func switchStacks(from previous: EntryRef, to stackPointer: UInt64) {
    guard unsafe _fastPath(fibril_per_call_is_empty(&pointer.pointee.perCall)) else {
      return switchStacksCarrying(from: previous, to: stackPointer)
    }
    switchStacksBare(from: previous, to: stackPointer)
  }

  /// With Swift accesses open, or C++ exceptions being handled; and always for a sanitizer.
  @inline(never)
  private func switchStacksCarrying(from previous: EntryRef, to stackPointer: UInt64) {
    var saved = fibril_per_call_saved()
    unsafe fibril_per_call_save(&pointer.pointee.perCall, &saved)
    if fibril_tools_active() {
      unsafe fibril_tools_switch(
        stackPointerField(of: previous), stackPointer, previous.bits, pointee.perCall.error)
    } else {
      switchStacksBare(from: previous, to: stackPointer)
    }
    unsafe fibril_per_call_restore(&pointer.pointee.perCall, &saved)
  }

  @inline(__always)
  private func switchStacksBare(from previous: EntryRef, to stackPointer: UInt64) {
    unsafe fibril_context_switch(
      stackPointerField(of: previous), stackPointer, previous.bits, pointee.perCall.error)
  }

  @inline(__always)
  private func stackPointerField(of entry: EntryRef) -> UnsafeMutablePointer<UInt64> {
    unsafe UnsafeMutableRawPointer(entry.pointer).advanced(by: stackPointerOffset)
      .assumingMemoryBound(to: UInt64.self)
  }
}

/// `offsetof(struct fibril_entry, stack_pointer)`, which fibril_table.h pins.
private let stackPointerOffset = 16
