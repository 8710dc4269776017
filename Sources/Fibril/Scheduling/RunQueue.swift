internal import CFibrilContract

/// A first-in-first-out queue of entries, linked through the entries themselves.
struct EntryQueue {
  private(set) var first: EntryRef?
  private var last: EntryRef?

  @inline(__always)
  var isEmpty: Bool { first == nil }

  @inline(__always)
  mutating func append(_ entry: EntryRef) {
    entry.pointee.link = 0
    if let last {
      last.pointee.link = entry.bits
    } else {
      first = entry
    }
    last = entry
  }

  @inline(__always)
  mutating func popFirst() -> EntryRef? {
    guard let entry = first else { return nil }
    first = EntryRef(bits: entry.pointee.link)
    if first == nil { last = nil }
    return entry
  }
}
