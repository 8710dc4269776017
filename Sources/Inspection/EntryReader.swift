// The entries of one table: copied in bulk together with their stacks, copied once more to see what
// changed meanwhile; what did is read again by itself.
internal import CFibrilContract
internal import TraceEvents

/// What a fibril that was read is handed to.
typealias FibrilHandler = (FibrilSnapshot, FibrilCopies) -> Void

struct EntryReader<Memory: MemoryReader> {
  private let memory: Memory
  private let step: UInt64
  private var clock: TickClock
  private let wants: FibrilCopies.Wanted
  private let limits: TableLimits
  /// Nothing changes meanwhile.
  private let isStill: Bool
  private(set) var fibrils: [FibrilSnapshot] = []
  private(set) var problems: [String] = []
  /// Chunks that were read already, so that a table that names one again and again has an end.
  private var chunksSeen: Set<UInt64> = []
  private var bytesLeft: Int
  private var pointedBytesLeft: Int
  private var stacksLeftOut = 0

  // The copies of one batch; their memory is used for the next.
  private var before = MemoryCopy()
  private var stacks = MemoryCopy()
  private var after = MemoryCopy()
  private var wanted: [WantedEntry] = []
  private var stackRanges: [Range<UInt64>] = []

  /// Entries in one bulk copy, and how many bytes of stacks may come with them.
  private static var batchEntries: Int { 1024 }
  private static var batchStackBytes: Int { 4 << 20 }

  /// An entry of a batch, and what was asked for with it.
  private struct WantedEntry {
    var index: Int
    var sequence: UInt32
    var stack: Range<UInt64>
    var arguments: CallArguments
    var pointed: [PointedRange]

    /// Is a later copy of the entry whole, and were these the right things to copy?
    func isConfirmed(by after: fibril_entry, _ slot: fibril_task_slot, isStill: Bool) -> Bool {
      after.isWhole(since: sequence, slot, isStill: isStill) && (stack.isEmpty || after.stackRange == stack)
        && (pointed.isEmpty || after.arguments == arguments)
    }
  }

  private typealias CallArguments = (UInt64, UInt64, UInt64, UInt64, UInt64, UInt64)

  init(
    memory: Memory, root: fibril_root, clock: TickClock, wants: FibrilCopies.Wanted, limits: TableLimits,
    isStill: Bool
  ) {
    self.memory = memory
    step = UInt64(root.fibril_bytes)
    self.clock = clock
    self.wants = wants
    self.limits = limits
    self.isStill = isStill
    bytesLeft = limits.bytes
    pointedBytesLeft = limits.pointedBytes
    // Room that is not used costs nothing; an array that grows is copied again and again.
    fibrils.reserveCapacity(min(limits.fibrils, 1 << 17))
  }

  /// Reads all fibrils of a task.
  mutating func read(_ task: TaskSlot, _ onFibril: FibrilHandler) {
    guard let (slot, chunks) = chunks(of: task) else { return }
    let entries = Int(slot.chunk_entries)
    guard entries <= TableLimits.chunkEntries else {
      problems.append("task \(slot.task) claims chunks of \(entries) fibrils")
      return
    }
    for chunk in chunks where chunk != 0 {
      guard chunksSeen.insert(chunk).inserted else {
        problems.append("task \(slot.task) names a chunk of fibrils twice")
        continue
      }
      guard Range(chunk, bytes: UInt64(entries) * step) != nil else {
        problems.append("a chunk of fibrils of task \(slot.task) lies outside the address space")
        continue
      }
      for first in stride(from: 0, to: entries, by: Self.batchEntries) {
        let count = min(Self.batchEntries, entries - first)
        guard takeBytes(2 * count * Int(step)), fibrils.count < limits.fibrils else {
          problems.append("task \(slot.task) has more fibrils than can be read; the rest is left out")
          return
        }
        guard readBatch(at: chunk + UInt64(first) * step, count, slot, onFibril) else {
          problems.append("a chunk of fibrils of task \(slot.task) cannot be read to its end")
          break
        }
      }
    }
  }

  /// To be called once, after the last task.
  mutating func finish() {
    guard stacksLeftOut > 0 else { return }
    problems.append("the stacks of \(stacksLeftOut) fibrils were left out: all together are too large")
  }

  private mutating func takeBytes(_ count: Int) -> Bool {
    guard count <= bytesLeft else { return false }
    bytesLeft -= count
    return true
  }

  /// The addresses of a task's chunks. The array moves when it grows: what was read counts if the
  /// slot still names the same array afterwards. nil: the task is gone, or its array unreadable.
  private mutating func chunks(of task: TaskSlot) -> (slot: fibril_task_slot, chunks: [UInt64])? {
    var slot = task.slot
    for _ in 0..<TableLimits.tries {
      let count = Int(slot.chunk_count)
      guard count <= TableLimits.chunksOfTask, let range = Range(slot.chunks, bytes: UInt64(count) * 8) else {
        problems.append("task \(slot.task) claims \(count) chunks of fibrils")
        return nil
      }
      guard takeBytes(range.count) else {
        problems.append("task \(slot.task) has more fibrils than can be read; they are left out")
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

  // MARK: Many entries

  /// Reads `count` entries that lie one behind the other; false if not all of them can be read.
  private mutating func readBatch(
    at address: UInt64, _ count: Int, _ slot: fibril_task_slot, _ onFibril: FibrilHandler
  ) -> Bool {
    before.fill([address..<address + UInt64(count) * step], from: memory)
    let readable = before[0].count / Int(step)
    var first = 0
    while first < readable {
      let began = ClockPair.now().nanoseconds
      let end = gather(first, readable, slot)
      let range = address + UInt64(first) * step..<address + UInt64(end) * step
      if !wanted.isEmpty { compare(range, first, slot, began, onFibril) }
      first = end
    }
    return readable == count
  }

  /// Notes what is wanted of the entries from `first` on, as long as their stacks are not too large all
  /// together, and returns where the next batch begins.
  private mutating func gather(_ first: Int, _ end: Int, _ slot: fibril_task_slot) -> Int {
    wanted.removeAll(keepingCapacity: true)
    stackRanges.removeAll(keepingCapacity: true)
    var bytes = 0
    for index in first..<end {
      let offset = index * Int(step)
      guard before.load(UInt64.self, from: 0, at: offset + 8) != 0,
        let entry = before.load(fibril_entry.self, from: 0, at: offset)
      else { continue }
      let want = want(entry, index, slot)
      wanted.append(want)
      stackRanges.append(want.stack)
      bytes += want.stack.count
      if bytes >= Self.batchStackBytes { return index + 1 }
    }
    return end
  }

  /// Copies what is wanted, then the entries once more. What that second copy says is whole if the
  /// sequence is the one of the first: nothing has changed since that was read, neither the entry nor
  /// what it points at.
  private mutating func compare(
    _ range: Range<UInt64>, _ first: Int, _ slot: fibril_task_slot, _ began: UInt64, _ onFibril: FibrilHandler
  ) {
    stacks.fill(stackRanges, from: memory)
    var pointed = memory.read(pointed: wanted.lazy.map(\.pointed).filter { !$0.isEmpty })[...]
    after.fill([range], from: memory)
    let isInTime = ClockPair.now().nanoseconds &- began < TableLimits.copyNanoseconds
    for (number, want) in wanted.enumerated() {
      let pointed = want.pointed.isEmpty ? [] : pointed.removeFirst()
      let offset = UInt64(want.index - first) * step
      let entry = after.load(fibril_entry.self, from: 0, at: Int(offset))
      if isInTime, let entry, want.isConfirmed(by: entry, slot, isStill: isStill) {
        let copies = FibrilCopies(want.stack.lowerBound, stacks[number], keep(pointed))
        emit(entry, at: range.lowerBound + offset, slot, copies, onFibril)
      } else {
        readAgain(at: range.lowerBound + offset, slot, onFibril)
      }
    }
  }

  // MARK: One entry

  /// Reads one entry until it does not change meanwhile.
  private mutating func readAgain(at address: UInt64, _ slot: fibril_task_slot, _ onFibril: FibrilHandler) {
    var last: fibril_entry?
    for _ in 0..<TableLimits.tries {
      let began = ClockPair.now().nanoseconds
      guard let entry = memory.read(fibril_entry.self, at: address) else { break }
      let want = want(entry, 0, slot)
      let copy = memory.read([want.stack])
      let pointed = memory.read(pointed: [want.pointed])[0]
      guard let after = memory.read(fibril_entry.self, at: address) else { break }
      last = after
      if want.isConfirmed(by: after, slot, isStill: isStill),
        ClockPair.now().nanoseconds &- began < TableLimits.copyNanoseconds
      {
        emit(after, at: address, slot, FibrilCopies(want.stack.lowerBound, copy[0], keep(pointed)), onFibril)
        return
      }
    }
    guard let last, last.id != 0, !last.isUnborn else { return }
    var fibril = FibrilSnapshot(last, slot, isParked: isParked(last), &clock)
    fibril.changedWhileRead = true
    fibrils.append(fibril)
    onFibril(fibril, FibrilCopies())
  }

  private mutating func emit(
    _ entry: fibril_entry, at address: UInt64, _ slot: fibril_task_slot, _ copies: FibrilCopies,
    _ onFibril: FibrilHandler
  ) {
    guard entry.id != 0, !entry.isUnborn else { return }
    var copies = copies
    copies.mark = EntryMark(entry, at: address)
    let fibril = FibrilSnapshot(entry, slot, isParked: isParked(entry), &clock)
    fibrils.append(fibril)
    onFibril(fibril, copies)
  }

  private mutating func want(_ entry: fibril_entry, _ index: Int, _ slot: fibril_task_slot) -> WantedEntry {
    // A fibril that runs has its stack pointer in its thread's registers.
    let isParked = isParked(entry)
    var stack = isParked ? entry.stackRange : 0..<0
    if !stack.isEmpty, !wants.stacks(FibrilSnapshot(entry, slot, isParked: isParked, &clock)) { stack = 0..<0 }
    if !takeBytes(stack.count) {
      stacksLeftOut += 1
      stack = 0..<0
    }
    return WantedEntry(
      index: index, sequence: entry.sequence, stack: stack, arguments: entry.arguments,
      pointed: isParked ? entry.pointedRanges(wants) : [])
  }

  private func isParked(_ entry: fibril_entry) -> Bool { isStill || entry.sequence % 2 == 0 }

  private mutating func keep(_ pointed: [PointedBytes]) -> [PointedBytes] {
    let count = pointed.reduce(0) { $0 + $1.bytes.count }
    guard count <= pointedBytesLeft else { return [] }
    pointedBytesLeft -= count
    return pointed
  }
}
