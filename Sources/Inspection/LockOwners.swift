internal import CFibrilContract
internal import TraceEvents

// Who holds the locks that fibrils wait for: read from the locks themselves, since what an entry says
// was true when its fibril blocked.

extension TableReader {
  /// Puts the present owner, a fibril or a plain thread, into every fibril that waits for a mutex. A lock
  /// that cannot be read has none.
  func findOwners(_ fibrils: inout [FibrilSnapshot]) {
    let waiting = fibrils.indices.filter { fibrils[$0].reason == .mutex }
    let addresses = Set(waiting.map { fibrils[$0].object }).sorted()
    let size = UInt64(MemoryLayout<fibril_lock>.size)
    let copy = memory.read(addresses.map { Range($0, bytes: size) ?? 0..<0 })
    var owners: [UInt64: UInt64] = [:]
    for (index, address) in addresses.enumerated() {
      guard let lock = copy.load(fibril_lock.self, from: index) else { continue }
      owners[address] = lock.owner >> 1
    }
    for index in waiting {
      let owner = owners[fibrils[index].object] ?? 0
      let isThread = owner & UInt64(FIBRIL_OWNER_THREAD) != 0
      fibrils[index].owner = isThread ? 0 : owner
      fibrils[index].ownerThread = isThread ? UInt32(truncatingIfNeeded: owner) : 0
    }
  }
}
