// What an entry of the table means to a reader.
internal import CFibrilContract
internal import TraceEvents

extension fibril_entry {
  /// What there is to copy of the stack, from the saved stack pointer on; empty if there is none, which
  /// is so too of one that has ended: its stack is another's by now.
  var stackRange: Range<UInt64> {
    guard id != 0, state != UInt8(FIBRIL_STATE_DEAD.rawValue), stack_pointer >= stack_low, stack_pointer < stack_high
    else { return 0..<0 }
    return stack_pointer..<stack_pointer + min(stack_high - stack_pointer, TableLimits.stackBytes)
  }

  /// Its runtime is still filling it in, or has begun to clear it: it is no fibril yet, or none any more.
  var isUnborn: Bool { sequence % 2 != 0 && state == 0 }

  /// What its call points at.
  func pointedRanges(_ wants: FibrilCopies.Wanted) -> [PointedRange] {
    guard id != 0, call >= 0 else { return [] }
    return wants.pointed(
      UInt32(call), [arguments.0, arguments.1, arguments.2, arguments.3, arguments.4, arguments.5])
  }

  /// Is this copy whole, given the sequence as it was before? A running fibril's is odd for as long as
  /// it runs; what its entry says of its state and stack pointer is then stale by design.
  ///
  /// Nothing changes while the process stands still, and whatever an entry says then is so. (It may be in
  /// the midst of a change: of two fibrils the one that was switched to says that it runs, the other still does.)
  func isWhole(since before: UInt32, _ slot: fibril_task_slot, isStill: Bool) -> Bool {
    guard before == sequence else { return false }
    return isStill || sequence % 2 == 0 || state == UInt8(FIBRIL_STATE_RUNNING.rawValue)
      || (id != 0 && id == slot.running)
  }
}

extension FibrilSnapshot {
  /// `isParked`: its saved stack pointer is good.
  init(_ entry: fibril_entry, _ slot: fibril_task_slot, isParked: Bool, _ clock: inout TickClock) {
    self.init(
      fibril: entry.id, task: slot.task, state: isParked ? FibrilState(rawValue: entry.state) : .running)
    reason = state == .blocked ? BlockReason(rawValue: UInt32(entry.reason)) : .none
    object = state == .blocked ? entry.object : 0
    since = entry.since == 0 ? 0 : clock.nanoseconds(atTicks: entry.since)
    nextNumber = entry.next_number
    parent = entry.parent
    self.entry = entry.entry
    name = entry.name
    if entry.call >= 0 {
      call = UInt32(entry.call)
      let (first, second, third, fourth, fifth, sixth) = entry.arguments
      arguments = [first, second, third, fourth, fifth, sixth]
    }
    owner = entry.owner
    deadline = entry.deadline
    let flags = UInt32(entry.flags)
    isCall = flags & FIBRIL_ENTRY_CALL.rawValue != 0
    isRoot = flags & FIBRIL_ENTRY_ROOT.rawValue != 0
    onHelper = flags & FIBRIL_ENTRY_HELPER.rawValue != 0
    stackPointer = isParked ? entry.stack_pointer : 0
    if entry.stack_low < entry.stack_high { stack = entry.stack_low..<entry.stack_high }
  }
}
