// How a fibril's entry is found again, to see whether it has changed since it was read.
internal import CFibrilContract

/// Where an entry lies, and what tells whether it is still the same.
public struct EntryMark: Equatable, Sendable {
  let address: UInt64
  let id: UInt64
  let sequence: UInt32
  /// Somebody cancelled the fibril.
  public let isCancelled: Bool
  /// Another thread has asked for it to be woken or cancelled, and its task has not seen that yet.
  public let isAskedFor: Bool

  init(_ entry: fibril_entry, at address: UInt64) {
    self.address = address
    id = entry.id
    sequence = entry.sequence
    isCancelled = UInt32(entry.flags) & FIBRIL_ENTRY_CANCELLED.rawValue != 0
    isAskedFor = entry.inbound_pending != 0
  }
}

extension TableReader {
  /// Whether all these entries are as they were read: then all of what was read of them, and of locks in
  /// between, was true at one moment.
  func areUnchanged(_ marks: [EntryMark]) -> Bool {
    let size = UInt64(MemoryLayout<fibril_entry>.size)
    let copy = memory.read(marks.map { Range($0.address, bytes: size) ?? 0..<0 })
    return marks.indices.allSatisfy { index in
      copy.load(fibril_entry.self, from: index).map { EntryMark($0, at: marks[index].address) } == marks[index]
    }
  }
}
