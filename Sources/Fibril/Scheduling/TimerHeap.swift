internal import CFibrilContract

/// The deadlines of one task: a pairing heap linked through the entries themselves, so that a wait with
/// a deadline allocates nothing. Insertion takes constant time, removal logarithmic, amortized
/// (Fredman, Sedgewick, Sleator, Tarjan 1986). The key is `deadline`, CLOCK_MONOTONIC in ns, which
/// must not change while an entry is in the heap.
struct TimerHeap {
  /// The entry whose deadline comes first.
  private(set) var first: EntryRef?

  mutating func insert(_ entry: EntryRef) {
    entry.pointee.timer_child = 0
    entry.pointee.timer_next = 0
    entry.pointee.timer_previous = 0
    entry.pointee.own |= OwnFlag.timer
    first = TimerHeap.meld(first, entry)
  }

  mutating func remove(_ entry: EntryRef) {
    entry.pointee.own &= ~OwnFlag.timer
    let orphans = TimerHeap.mergePairs(EntryRef(bits: entry.pointee.timer_child))
    if entry == first {
      first = orphans
      orphans?.pointee.timer_previous = 0
      return
    }
    // `timer_previous` is the sibling before it, or the parent of a first child.
    let previous = EntryRef(bits: entry.pointee.timer_previous)!
    if previous.pointee.timer_child == entry.bits {
      previous.pointee.timer_child = entry.pointee.timer_next
    } else {
      previous.pointee.timer_next = entry.pointee.timer_next
    }
    EntryRef(bits: entry.pointee.timer_next)?.pointee.timer_previous = previous.bits
    first = TimerHeap.meld(first, orphans)
  }

  /// Two heaps become one: the later root becomes the first child of the earlier one.
  private static func meld(_ left: EntryRef?, _ right: EntryRef?) -> EntryRef? {
    guard let left else { return right }
    guard let right else { return left }
    let isSorted = left.pointee.deadline <= right.pointee.deadline
    let (parent, child) = isSorted ? (left, right) : (right, left)
    child.pointee.timer_next = parent.pointee.timer_child
    EntryRef(bits: child.pointee.timer_next)?.pointee.timer_previous = child.bits
    child.pointee.timer_previous = parent.bits
    parent.pointee.timer_child = child.bits
    parent.pointee.timer_next = 0
    return parent
  }

  /// The heaps in a list of siblings become one: first in pairs from the left, then from the right.
  private static func mergePairs(_ list: EntryRef?) -> EntryRef? {
    var rest = list
    var pairs: EntryRef?  // linked by `timer_next`, the last one first
    while let left = rest {
      let right = EntryRef(bits: left.pointee.timer_next)
      rest = right.flatMap { EntryRef(bits: $0.pointee.timer_next) }
      left.pointee.timer_next = 0
      right?.pointee.timer_next = 0
      let pair = meld(left, right)!
      pair.pointee.timer_next = pairs?.bits ?? 0
      pairs = pair
    }
    var merged: EntryRef?
    while let pair = pairs {
      pairs = EntryRef(bits: pair.pointee.timer_next)
      pair.pointee.timer_next = 0
      merged = meld(merged, pair)
    }
    return merged
  }
}
