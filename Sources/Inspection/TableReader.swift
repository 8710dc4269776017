// The fibril table of contract C -> a snapshot. Everything the memory says is doubted: sizes and
// counts have limits, and nothing is followed twice.
public import TraceEvents
internal import CFibrilContract

/// What was read, and what could not be.
public struct Inspection: Sendable {
  /// The tasks, fibrils and names that could be read.
  public var snapshot: ProcessSnapshot
  /// What was left out and why, a sentence each; empty when everything was read.
  public var problems: [String] = []
}

/// A task's slot, and where it lies.
struct TaskSlot {
  var address: UInt64
  var slot: fibril_task_slot
}

/// Reads one table from somebody else's memory.
public struct TableReader<Memory: MemoryReader> {
  let memory: Memory
  let processID: Int32
  let root: fibril_root
  private let rootAddress: UInt64
  private let limits: TableLimits
  /// Reads both clocks; nil: nobody knows what time it is, as in a core file of another machine.
  var now: () -> ClockPair? = { .now() }

  /// Throws `InspectionError.noTable` where there is no table yet, `damagedTable` where there is none.
  public init(
    memory: Memory, rootAddress: UInt64, processID: Int32, limits: TableLimits = .standard
  ) throws(InspectionError) {
    guard let root = memory.read(fibril_root.self, at: rootAddress), root.magic != 0 else { throw .noTable(processID) }
    func require(_ condition: Bool, _ detail: @autoclosure () -> String) throws(InspectionError) {
      if !condition { throw .damagedTable(processID, detail: detail()) }
    }
    func isSane(_ bytes: UInt32, atLeast known: Int) -> Bool {
      Int(bytes) >= known && Int(bytes) <= TableLimits.structureBytes
    }
    try require(root.magic == FIBRIL_ROOT_MAGIC, "its fibril table does not begin as one")
    try require(root.version == FIBRIL_TABLE_VERSION, "its fibril table has version \(root.version)")
    try require(isSane(root.bytes, atLeast: MemoryLayout<fibril_root>.size), "the table's root is cut short")
    try require(
      isSane(root.task_bytes, atLeast: MemoryLayout<fibril_task_slot>.size)
        && isSane(root.name_bytes, atLeast: MemoryLayout<fibril_name>.size)
        && isSane(root.fibril_bytes, atLeast: MemoryLayout<fibril_entry>.size),
      "the table gives impossible sizes")
    try require(root.task_slots <= TableLimits.tasks, "the table claims \(root.task_slots) tasks")
    try require(root.name_count <= TableLimits.names, "the table claims \(root.name_count) names")
    self.memory = memory
    self.processID = processID
    self.root = root
    self.rootAddress = rootAddress
    self.limits = limits
  }

  /// Which layout saved contexts have: `enum fibril_context`.
  public var contextKind: UInt32 { root.context }

  /// Reads all tasks, fibrils and names.
  ///
  /// Each fibril is also handed to `onFibril` once, together with what else was wanted of it. The
  /// copies are only lent: keep what you need of them. `isStill` says that the process stands still.
  public func read(
    command: String, wants: FibrilCopies.Wanted = .nothing, isStill: Bool = false,
    onFibril: (FibrilSnapshot, FibrilCopies) -> Void = { _, _ in }
  ) -> Inspection {
    var clock = TickClock(
      source: root.clock == UInt64(FIBRIL_CLOCK_TSC.rawValue) ? .timeStampCounter : .monotonic)
    clock.add(ClockPair(ticks: root.clock_ticks, nanoseconds: root.clock_ns))
    if let pair = now() { clock.add(pair) }
    var inspection = Inspection(
      snapshot: ProcessSnapshot(
        processID: processID, command: command, ident: root.ident, time: 0, runtime: text(of: root.runtime)))
    let slots = readSlots(&inspection.problems)
    // Heads before entries: whatever changes in between is in the records from there on.
    inspection.snapshot.tasks = zip(slots, readHeads(slots)).map { TaskSnapshot($0.slot, nextNumber: $1) }
    var entries = EntryReader(memory: memory, root: root, clock: clock, wants: wants, limits: limits, isStill: isStill)
    for slot in slots {
      entries.read(slot, onFibril)
    }
    entries.finish()
    inspection.problems += entries.problems
    // Nobody else has them then, so they need not be copied to be changed.
    inspection.snapshot.fibrils = (consume entries).fibrils
    findOwners(&inspection.snapshot.fibrils)
    // Names last: the table only grows, so every index that was seen is in it.
    inspection.snapshot.names = names(from: 0, &inspection.problems)
    inspection.snapshot.time = now()?.nanoseconds ?? 0
    return inspection
  }

  /// Which fibril each task runs at this moment, by the task's id; 0: none.
  public func running() -> [UInt64: UInt64] {
    var problems: [String] = []
    return Dictionary(
      readSlots(&problems).map { ($0.slot.task, $0.slot.running) }, uniquingKeysWith: { first, _ in first })
  }

  private func readSlots(_ problems: inout [String]) -> [TaskSlot] {
    let ranges = structures(
      at: root.tasks, count: Int(root.task_slots), step: root.task_bytes, as: fibril_task_slot.self)
    let copy = memory.read(ranges)
    var slots: [TaskSlot] = []
    for index in ranges.indices {
      guard let slot = copy.load(fibril_task_slot.self, from: index) else {
        problems.append("task slots from number \(index) on cannot be read")
        break
      }
      if slot.task != 0 { slots.append(TaskSlot(address: ranges[index].lowerBound, slot: slot)) }
    }
    if ranges.count < root.task_slots { problems.append("task slots lie outside the address space") }
    return slots
  }

  /// The number of each task's next record: the head of its event buffer, 0 without one.
  private func readHeads(_ slots: [TaskSlot]) -> [UInt64] {
    let size = UInt64(MemoryLayout<fibril_buffer>.size)
    let copy = memory.read(slots.map { Range($0.slot.buffer, bytes: size) ?? 0..<0 })
    return slots.indices.map { index in
      guard let buffer = copy.load(fibril_buffer.self, from: index), buffer.magic == FIBRIL_BUFFER_MAGIC,
        buffer.task == slots[index].slot.task
      else { return 0 }
      return buffer.head
    }
  }

  /// The names from an index on that there are by now. What exists of the table never changes.
  public func names(from first: Int) -> [String] {
    var problems: [String] = []
    return names(from: first, &problems)
  }

  private func names(from first: Int, _ problems: inout [String]) -> [String] {
    // Names were added since the root was first read.
    let root = memory.read(fibril_root.self, at: rootAddress) ?? root
    let count = min(Int(root.name_count), TableLimits.names)
    var names: [String] = []
    for batch in stride(from: first, to: count, by: 4096) {
      let start = root.names &+ UInt64(batch) &* UInt64(self.root.name_bytes)
      let ranges = structures(
        at: start, count: min(4096, count - batch), step: self.root.name_bytes, as: fibril_name.self)
      let copy = memory.read(ranges)
      for index in ranges.indices {
        // What lies behind it would get the numbers of others.
        guard copy[index].count == ranges[index].count else { break }
        names.append(batch + index == 0 ? "" : String(decoding: copy[index].prefix { $0 != 0 }, as: UTF8.self))
      }
      guard first + names.count == min(batch + 4096, count) else {
        problems.append("names from number \(first + names.count) on cannot be read")
        break
      }
    }
    return names
  }

  /// Where each of `count` structures lies that stand `step` bytes apart.
  private func structures<Structure>(
    at address: UInt64, count: Int, step: UInt32, as type: Structure.Type
  ) -> [Range<UInt64>] {
    guard Range(address, bytes: UInt64(count) * UInt64(step)) != nil else { return [] }
    return (0..<count).map { index in
      let start = address + UInt64(index) * UInt64(step)
      return start..<start + UInt64(MemoryLayout<Structure>.size)
    }
  }
}

/// The text of a C array of characters, up to its NUL.
private func text<Characters>(of characters: Characters) -> String {
  // Safe: the bytes of a tuple of characters, all of them initialized.
  unsafe withUnsafeBytes(of: characters) { bytes in
    unsafe String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
  }
}

extension TaskSnapshot {
  fileprivate init(_ slot: fibril_task_slot, nextNumber: UInt64) {
    var counts = EventCounts()
    counts.submits = slot.counts.submits
    counts.blocks = slot.counts.blocks
    counts.wakes = slot.counts.wakes
    counts.switches = slot.counts.switches
    counts.sleeps = slot.counts.sleeps
    counts.resumes = slot.counts.resumes
    counts.teardowns = slot.counts.teardowns
    counts.inlineStalls = slot.counts.inline_stalls
    self.init(
      task: slot.task, threadID: slot.tid, running: slot.running, root: slot.root, runnable: slot.runnable,
      nextNumber: nextNumber, counts: counts)
    helpers = slot.helpers
    helperQueue = slot.helper_queue
  }
}
