internal import CFibril
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

  /// Appends `entry` to a queue that is not empty, then takes its first one and prefetches the next.
  @inline(__always)
  mutating func rotate(_ entry: EntryRef) -> EntryRef {
    entry.pointee.link = 0
    unsafe last.unsafelyUnwrapped.pointee.link = entry.bits
    last = entry
    let taken = unsafe first.unsafelyUnwrapped
    // At least `entry` comes after it.
    let next = unsafe EntryRef(bits: taken.pointee.link).unsafelyUnwrapped
    first = next
    EntryQueue.prefetch(next)
    return taken
  }

  @inline(__always)
  mutating func popFirst() -> EntryRef? {
    guard let entry = first else { return nil }
    first = EntryRef(bits: entry.pointee.link)
    if first == nil { last = nil }
    return entry
  }

  /// Takes an entry out. Returns whether it was there. Looks at those in front of it.
  mutating func remove(_ entry: EntryRef) -> Bool {
    if first == entry { return popFirst() != nil }
    var previous = first
    while let before = previous {
      previous = EntryRef(bits: before.pointee.link)
      guard previous == entry else { continue }
      before.pointee.link = entry.pointee.link
      if last == entry { last = before }
      return true
    }
    return false
  }

  /// Fetches into the cache what the switch to the first one will touch, while another one runs: its
  /// entry, and the end of its stack. With a thousand fibrils all of that has gone cold.
  @inline(__always)
  func prefetchFirst() {
    if let first { EntryQueue.prefetch(first) }
  }

  @inline(__always)
  private static func prefetch(_ entry: EntryRef) {
    let stackPointer = entry.pointee.stack_pointer
    fibril_prefetch(stackPointer)
    fibril_prefetch(stackPointer &+ 64)
  }
}
