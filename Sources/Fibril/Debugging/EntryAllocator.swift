internal import CFibril
internal import CFibrilContract
internal import Glibc

/// Hands out the entries of one task, each used again as soon as it is free.
struct EntryAllocator {
  private var free: EntryRef?

  init(slot: SlotRef) {
    // A slot's chunks stay with it: with a new task all their entries are free.
    for chunk in 0..<Int(slot.pointee.chunk_count) {
      addEntries(of: unsafe directory(slot)[chunk])
    }
  }

  @inline(__always)
  mutating func take(from slot: SlotRef) throws(FibrilError) -> EntryRef {
    if free == nil { try grow(slot) }
    let entry = free!
    free = EntryRef(bits: entry.pointee.link)
    return entry
  }

  @inline(__always)
  mutating func giveBack(_ entry: EntryRef) {
    entry.pointee.link = free?.bits ?? 0
    free = entry
  }

  private func directory(_ slot: SlotRef) -> UnsafeMutablePointer<UInt64> {
    unsafe UnsafeMutablePointer(bitPattern: UInt(slot.pointee.chunks))!
  }

  @inline(never)
  private mutating func grow(_ slot: SlotRef) throws(FibrilError) {
    guard slot.pointee.chunk_count < FibrilTable.mostChunks else {
      throw FibrilError(
        action: "submit: the task has \(FibrilTable.mostChunks * FibrilTable.entriesInChunk) fibrils already",
        code: EAGAIN)
    }
    if slot.pointee.chunks == 0 {
      slot.pointee.chunks = try FibrilTable.reserve(FibrilTable.mostChunks * MemoryLayout<UInt64>.stride)
    }
    let chunk = try FibrilTable.reserve(FibrilTable.entriesInChunk * MemoryLayout<fibril_entry>.stride)
    unsafe directory(slot)[Int(slot.pointee.chunk_count)] = chunk
    fibril_store_barrier()
    slot.pointee.chunk_count += 1
    addEntries(of: chunk)
  }

  private mutating func addEntries(of chunk: UInt64) {
    for index in (0..<FibrilTable.entriesInChunk).reversed() {
      let entry = EntryRef(bits: chunk + UInt64(index * MemoryLayout<fibril_entry>.stride))!
      entry.pointee.id = 0
      entry.pointee.state = 0
      giveBack(entry)
    }
  }
}

extension TaskRef {
  /// A fresh entry with its identity; its sequence is odd until `publish`.
  @inline(__always)
  func makeEntry(flags: UInt8, call: Int32, parent: UInt64) throws(FibrilError) -> EntryRef {
    let entry = try pointee.entries.take(from: pointee.slot)
    entry.pointee.sequence &+= 1
    fibril_store_barrier()
    entry.pointee.flags = flags
    entry.pointee.own = 0
    entry.pointee.call = call
    entry.pointee.parent = parent
    entry.pointee.reason = 0
    entry.pointee.object = 0
    entry.pointee.stack_pointer = 0
    entry.pointee.stack_low = 0
    entry.pointee.stack_high = 0
    entry.pointee.entry = 0
    entry.pointee.name = 0
    entry.pointee.owner = 0
    entry.pointee.deadline = 0
    entry.pointee.waiters = 0
    entry.pointee.result = 0
    entry.pointee.next_number = nextNumber
    entry.pointee.id = takeID()
    return entry
  }

  @inline(__always)
  func publish(_ entry: EntryRef, state: UInt8) {
    entry.pointee.state = state
    fibril_store_barrier()
    entry.pointee.sequence &+= 1
  }

  /// Takes the entry out of the table.
  @inline(__always)
  func unpublish(_ entry: EntryRef) {
    entry.pointee.sequence &+= 1
    fibril_store_barrier()
    entry.pointee.state = 0
    entry.pointee.id = 0
    fibril_store_barrier()
    entry.pointee.sequence &+= 1
    pointee.entries.giveBack(entry)
  }
}
