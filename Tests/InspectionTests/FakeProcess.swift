// A process made of one array of bytes: the structures of contract C laid out as a runtime would.
import CFibrilContract
import Inspection
import TraceEvents

/// Memory at addresses from `base` on. `beforeCopy` runs ahead of each copy, with its number, and may
/// change what is there: that is how a process changes while it is read.
final class FakeProcess: MemoryReader {
  static let base: UInt64 = 0x7f00_0000_0000
  var bytes: [UInt8] = []
  var holes: [Range<UInt64>] = []
  var copies = 0
  /// Bytes that were handed out.
  var bytesCopied = 0
  var beforeCopy: (Int) -> Void = { _ in }

  var root = UInt64(0)
  var slots = UInt64(0)
  /// The texts that were handed out with fibrils.
  var texts: [UInt64: String] = [:]
  private var entries: [UInt64: UInt64] = [:]
  private var stacks: [UInt64: UInt64] = [:]

  static let chunkEntries = 4
  let stackBytes: UInt64
  /// How much of a stack is in use, from its top.
  static let usedBytes: UInt64 = 512

  /// `tasks` tasks with `fibrils` fibrils each, parked with six words of context that begin with
  /// their number; ids count from 1, names are "fibril ID". A newer runtime's entries are longer.
  init(tasks: Int, fibrils: Int, extraEntryBytes: Int = 0, stackBytes: UInt64 = 4096) {
    self.stackBytes = stackBytes
    var rootValue = fibril_root()
    rootValue.magic = FIBRIL_ROOT_MAGIC
    rootValue.version = FIBRIL_TABLE_VERSION
    rootValue.bytes = UInt32(MemoryLayout<fibril_root>.size)
    rootValue.pid = 4711
    rootValue.context = FIBRIL_CONTEXT_X86_64.rawValue
    rootValue.ident = 0x1234
    rootValue.clock = UInt64(FIBRIL_CLOCK_MONOTONIC.rawValue)
    rootValue.task_bytes = UInt32(MemoryLayout<fibril_task_slot>.size)
    rootValue.task_slots = UInt32(tasks) + 1
    rootValue.name_bytes = UInt32(MemoryLayout<fibril_name>.size)
    rootValue.name_count = UInt32(tasks * fibrils) + 1
    rootValue.fibril_bytes = UInt32(MemoryLayout<fibril_entry>.size + extraEntryBytes)
    unsafe withUnsafeMutableBytes(of: &rootValue.runtime) { unsafe $0.copyBytes(from: "Fake 1.0".utf8) }
    root = place(rootValue)

    var slotValues: [fibril_task_slot] = [fibril_task_slot()]  // number 0 is free
    var identifier: UInt64 = 0
    for task in 1...tasks {
      var chunks: [UInt64] = []
      for first in stride(from: 0, to: fibrils, by: Self.chunkEntries) {
        var chunk: UInt64 = 0
        for index in first..<first + Self.chunkEntries {
          var entry = fibril_entry()
          if index < fibrils {
            identifier += 1
            entry = parked(identifier, task: UInt64(task))
          }
          let address = place(entry)
          bytes += [UInt8](repeating: 0xab, count: extraEntryBytes)
          if chunk == 0 { chunk = address }
          if entry.id != 0 { entries[entry.id] = address }
        }
        chunks.append(chunk)
      }
      var slot = fibril_task_slot()
      slot.task = UInt64(task)
      slot.tid = UInt32(5000 + task)
      slot.chunk_count = UInt32(chunks.count)
      slot.chunk_entries = UInt32(Self.chunkEntries)
      slot.chunks = place(chunks)
      slot.counts.submits = UInt64(fibrils)
      slot.runnable = 7
      var buffer = fibril_buffer()
      buffer.magic = FIBRIL_BUFFER_MAGIC
      buffer.task = UInt64(task)
      buffer.head = UInt64(1000 * task)
      slot.buffer = place(buffer)
      slotValues.append(slot)
    }
    slots = place(slotValues)
    for identifier in 1...identifier {
      var stack = [UInt8](repeating: 0, count: Int(stackBytes))
      let used = Int(stackBytes - Self.usedBytes)
      for word in 0..<64 { store(identifier &* 1000 &+ UInt64(word), &stack, used + word * 8) }
      let low = place(stack)
      stacks[identifier] = low
      change(identifier) {
        $0.stack_low = low
        $0.stack_high = low + stackBytes
        $0.stack_pointer = low + UInt64(used)
      }
    }
    let names = (0...identifier).map { number in
      var name = fibril_name()
      if number > 0 {
        unsafe withUnsafeMutableBytes(of: &name.text) { unsafe $0.copyBytes(from: "fibril \(number)".utf8) }
      }
      return name
    }
    let namesAddress = place(names)
    changeRoot {
      $0.tasks = slots
      $0.names = namesAddress
    }
  }

  private func parked(_ identifier: UInt64, task: UInt64) -> fibril_entry {
    var entry = fibril_entry()
    entry.sequence = 2
    entry.id = identifier
    entry.state = UInt8(FIBRIL_STATE_BLOCKED.rawValue)
    entry.reason = UInt8(FIBRIL_REASON_CALL.rawValue)
    entry.object = 35
    entry.since = 100 + identifier
    entry.next_number = 10 * identifier
    entry.parent = task
    entry.entry = 0x40_0000
    entry.name = UInt32(identifier)
    entry.call = 35
    entry.arguments = (1, 2, 3, 4, 5, 6)
    return entry
  }

  // MARK: Changing what is there

  func change(_ fibril: UInt64, _ body: (inout fibril_entry) -> Void) { change(at: entries[fibril]!, body) }
  func changeRoot(_ body: (inout fibril_root) -> Void) { change(at: root, body) }
  func changeSlot(ofTask task: Int, _ body: (inout fibril_task_slot) -> Void) {
    change(at: slots + UInt64(task * MemoryLayout<fibril_task_slot>.size), body)
  }
  func address(ofFibril fibril: UInt64) -> UInt64 { entries[fibril]! }
  func stack(ofFibril fibril: UInt64) -> UInt64 { stacks[fibril]! }

  func change<Value: BitwiseCopyable>(at address: UInt64, _ body: (inout Value) -> Void) {
    let offset = Int(address - Self.base)
    var value = unsafe bytes.withUnsafeBytes { unsafe $0.loadUnaligned(fromByteOffset: offset, as: Value.self) }
    body(&value)
    unsafe withUnsafeBytes(of: value) { unsafe bytes.replaceSubrange(offset..<offset + $0.count, with: $0) }
  }

  private func place<Value: BitwiseCopyable>(_ value: Value) -> UInt64 { place([value]) }

  private func place<Value: BitwiseCopyable>(_ values: [Value]) -> UInt64 {
    let address = Self.base + UInt64(bytes.count)
    unsafe values.withUnsafeBytes { unsafe bytes += $0 }
    return address
  }

  private func store(_ word: UInt64, _ stack: inout [UInt8], _ offset: Int) {
    unsafe withUnsafeBytes(of: word) { unsafe stack.replaceSubrange(offset..<offset + 8, with: $0) }
  }

  // MARK: Reading

  func copy(_ ranges: ArraySlice<Range<UInt64>>, to target: inout [UInt8], at offset: Int) -> Int {
    copies += 1
    beforeCopy(copies)
    let mapped = Self.base..<Self.base + UInt64(bytes.count)
    var done = 0
    for range in ranges where !range.isEmpty {
      guard mapped.contains(range.lowerBound) else { return done }
      var end = min(range.upperBound, mapped.upperBound)
      for hole in holes where hole.overlaps(range) { end = min(end, max(hole.lowerBound, range.lowerBound)) }
      let from = Int(range.lowerBound - Self.base)
      let count = Int(end - range.lowerBound)
      target.replaceSubrange(offset + done..<offset + done + count, with: bytes[from..<from + count])
      done += count
      bytesCopied += count
      if count < range.count { return done }
    }
    return done
  }
}

extension FakeProcess {
  /// Everything there is to read, with the stacks that were handed out.
  func inspect() throws -> (Inspection, [UInt64: StackCopy]) {
    var stacks: [UInt64: StackCopy] = [:]
    let reader = try TableReader(memory: self, rootAddress: root, processID: 4711)
    let inspection = reader.read(
      command: "fake",
      wants: .init(
        stacks: { _ in true },
        pointed: { _, arguments in
          [PointedRange(argument: 1, address: arguments[1], bytes: 256)]
        })
    ) { fibril, copies in
      if let stack = copies.stack { stacks[fibril.fibril] = stack }
      if let text = copies.pointed.first {
        texts[fibril.fibril] = String(decoding: text.bytes.prefix { $0 != 0 }, as: UTF8.self)
      }
    }
    return (inspection, stacks)
  }
}

/// The same numbers for the same seed (splitmix64).
struct Random: RandomNumberGenerator {
  private var state: UInt64
  init(seed: UInt64) { state = seed }
  mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var word = state
    word = (word ^ (word >> 30)) &* 0xbf58_476d_1ce4_e5b9
    word = (word ^ (word >> 27)) &* 0x94d0_49bb_1331_11eb
    return word ^ (word >> 31)
  }
}
