// The entries of one table: copied in bulk together with their stacks, copied once more to see what
// changed meanwhile; what did is read again by itself.
internal import CFibrilContract
internal import TraceEvents

struct EntryReader<Memory: MemoryReader> {
  private let memory: Memory
  private let step: UInt64
  private var clock: TickClock
  private let wants: FibrilCopies.Wanted
  private(set) var fibrils: [FibrilSnapshot] = []
  private(set) var problems: [String] = []
  /// Chunks that were read already, so that a table that names one again and again has an end.
  private var chunksSeen: Set<UInt64> = []
  private var entriesSeen = 0

  /// Entries in one bulk copy: their stacks take 64 MiB at most.
  private static var batchEntries: Int { 1024 }

  init(memory: Memory, root: fibril_root, clock: TickClock, wants: FibrilCopies.Wanted) {
    self.memory = memory
    step = UInt64(root.fibril_bytes)
    self.clock = clock
    self.wants = wants
  }

  /// Reads all fibrils of a task.
  mutating func read(_ task: TaskSlot, _ onFibril: (FibrilSnapshot, FibrilCopies) -> Void) {
    guard let (slot, chunks) = chunks(of: task) else { return }
    let entries = Int(slot.chunk_entries)
    guard entries <= TableLimit.chunkEntries else {
      problems.append("task \(slot.task) claims chunks of \(entries) fibrils")
      return
    }
    for chunk in chunks where chunk != 0 {
      guard chunksSeen.insert(chunk).inserted else {
        problems.append("task \(slot.task) names a chunk of fibrils twice")
        continue
      }
      entriesSeen += entries
      guard entriesSeen <= TableLimit.fibrils, Range(chunk, bytes: UInt64(entries) * step) != nil else {
        problems.append("task \(slot.task) claims more fibrils than there can be")
        return
      }
      for first in stride(from: 0, to: entries, by: Self.batchEntries) {
        let count = min(Self.batchEntries, entries - first)
        guard readBatch(at: chunk + UInt64(first) * step, count, slot, onFibril) else {
          problems.append("a chunk of fibrils of task \(slot.task) cannot be read to its end")
          break
        }
      }
    }
  }

  /// The addresses of a task's chunks. The array moves when it grows: what was read counts if the
  /// slot still names the same array afterwards. nil: the task is gone, or its array unreadable.
  private mutating func chunks(of task: TaskSlot) -> (slot: fibril_task_slot, chunks: [UInt64])? {
    var slot = task.slot
    for _ in 0..<TableLimit.tries {
      let count = Int(slot.chunk_count)
      guard count <= TableLimit.fibrils, let range = Range(slot.chunks, bytes: UInt64(count) * 8) else {
        problems.append("task \(slot.task) claims \(count) chunks of fibrils")
        return nil
      }
      let copy = memory.read([range])
      guard let after = memory.read(fibril_task_slot.self, at: task.address), after.task == slot.task else {
        return nil
      }
      if after.chunks == slot.chunks, after.chunk_count == slot.chunk_count {
        if copy[0].count < range.count { problems.append("chunks of task \(slot.task) cannot be read") }
        return (after, (0..<copy[0].count / 8).map { copy.load(UInt64.self, from: 0, at: $0 * 8) ?? 0 })
      }
      slot = after
    }
    problems.append("the fibrils of task \(slot.task) changed while they were read")
    return nil
  }

  /// Reads `count` entries that lie one behind the other; false if not all of them can be read.
  private mutating func readBatch(
    at address: UInt64, _ count: Int, _ slot: fibril_task_slot, _ onFibril: (FibrilSnapshot, FibrilCopies) -> Void
  ) -> Bool {
    let range = address..<address + UInt64(count) * step
    let before = memory.read([range])
    let entries = (0..<count).map { before.load(fibril_entry.self, from: 0, at: $0 * Int(step)) }
    let stackRanges = entries.map { entry in entry.map { $0.stackRange(wants) } ?? 0..<0 }
    let stacks = memory.read(stackRanges)
    let ranges = entries.map { entry in entry.map { $0.pointedRanges(wants) } ?? [] }
    let pointed = memory.read(pointed: ranges)
    let after = memory.read([range])
    for (index, entry) in entries.enumerated() {
      guard let entry else { return false }
      let sequence = after.load(UInt32.self, from: 0, at: index * Int(step))
      if entry.isWhole(sequence, slot) {
        let copies = FibrilCopies(
          stackAddress: stackRanges[index].lowerBound, stack: stacks[index], pointed: pointed[index])
        emit(entry, slot, copies, onFibril)
      } else {
        readAgain(at: address + UInt64(index) * step, slot, onFibril)
      }
    }
    return true
  }

  /// Reads one entry until it does not change meanwhile.
  private mutating func readAgain(
    at address: UInt64, _ slot: fibril_task_slot, _ onFibril: (FibrilSnapshot, FibrilCopies) -> Void
  ) {
    var last: fibril_entry?
    for _ in 0..<TableLimit.tries {
      guard let entry = memory.read(fibril_entry.self, at: address) else { break }
      let stackRange = entry.stackRange(wants)
      let copy = memory.read([stackRange])
      let pointed = memory.read(pointed: [entry.pointedRanges(wants)])
      if entry.isWhole(memory.read(UInt32.self, at: address), slot) {
        let copies = FibrilCopies(stackAddress: stackRange.lowerBound, stack: copy[0], pointed: pointed[0])
        emit(entry, slot, copies, onFibril)
        return
      }
      last = entry
    }
    guard let last, last.id != 0 else { return }
    var fibril = FibrilSnapshot(last, slot, &clock)
    fibril.changedWhileRead = true
    fibrils.append(fibril)
    onFibril(fibril, FibrilCopies())
  }

  private mutating func emit(
    _ entry: fibril_entry, _ slot: fibril_task_slot, _ copies: FibrilCopies,
    _ onFibril: (FibrilSnapshot, FibrilCopies) -> Void
  ) {
    guard entry.id != 0 else { return }
    let fibril = FibrilSnapshot(entry, slot, &clock)
    fibrils.append(fibril)
    onFibril(fibril, copies)
  }
}

extension fibril_entry {
  /// What is to be copied of the stack, from the saved stack pointer on; empty if there is none.
  fileprivate func stackRange(_ wants: FibrilCopies.Wanted) -> Range<UInt64> {
    guard wants.stacks, sequence % 2 == 0, id != 0, stack_pointer >= stack_low, stack_pointer < stack_high else {
      return 0..<0
    }
    return stack_pointer..<stack_pointer + min(stack_high - stack_pointer, TableLimit.stackBytes)
  }

  /// What its call points at.
  fileprivate func pointedRanges(_ wants: FibrilCopies.Wanted) -> [PointedRange] {
    guard id != 0, sequence % 2 == 0, call >= 0 else { return [] }
    return wants.pointed(
      UInt32(call), [arguments.0, arguments.1, arguments.2, arguments.3, arguments.4, arguments.5])
  }

  /// Is this copy whole, given the sequence as it was afterwards? A running fibril's is odd for as
  /// long as it runs; what its entry says of its state and stack pointer is then stale by design.
  fileprivate func isWhole(_ after: UInt32?, _ slot: fibril_task_slot) -> Bool {
    guard after == sequence else { return false }
    return sequence % 2 == 0 || state == UInt8(FIBRIL_STATE_RUNNING.rawValue) || (id != 0 && id == slot.running)
  }
}

extension FibrilSnapshot {
  fileprivate init(_ entry: fibril_entry, _ slot: fibril_task_slot, _ clock: inout TickClock) {
    self.init(
      fibril: entry.id, task: slot.task,
      state: entry.sequence % 2 != 0 ? .running : FibrilState(rawValue: entry.state))
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
    stackPointer = entry.sequence % 2 != 0 ? 0 : entry.stack_pointer
    if entry.stack_low < entry.stack_high { stack = entry.stack_low..<entry.stack_high }
  }
}
