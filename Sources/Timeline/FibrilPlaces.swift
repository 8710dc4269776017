// Finds numbers by fibril ids: a hash table that does nothing else. Every event of a trace looks up two or three
// fibrils, and in a `Dictionary` that took a third of the time that an event took.

/// Open addressing with linear probing, at most half full.
///
/// The hash is the product with a secret odd number, of which the upper bits count (multiply-shift: Dietzfelbinger and
/// others, 1997): a process chooses its ids, but does not know which of them collide.
struct FibrilPlaces {
  private(set) var count = 0
  private var slots: ContiguousArray<Slot> = []
  /// 64 less the bits of a slot's number.
  private var shift: UInt64 = 64

  private struct Slot {
    var fibril: UInt64 = 0
    /// Negative: empty.
    var place = -1
  }

  private static let multiplier = UInt64.random(in: .min ... .max) | 1
  private let multiplier = Self.multiplier

  @inline(__always)
  subscript(fibril: UInt64) -> Int? {
    if slots.isEmpty { return nil }
    let slot = slots[find(fibril)]
    return slot.place < 0 ? nil : slot.place
  }

  /// Adds a fibril that is not among them yet.
  mutating func insert(_ fibril: UInt64, at place: Int) {
    if count * 2 >= slots.count { resize(to: max(8, slots.count * 2)) }
    slots[find(fibril)] = Slot(fibril: fibril, place: place)
    count += 1
  }

  mutating func remove(_ fibril: UInt64) -> Int? {
    guard let place = self[fibril] else { return nil }
    count -= 1
    let mask = slots.count - 1
    var hole = find(fibril)
    var next = hole
    // What follows without a gap moves up, unless it lies between its home and the hole.
    while true {
      next = (next + 1) & mask
      if slots[next].place < 0 { break }
      if (next - home(slots[next].fibril)) & mask >= (next - hole) & mask {
        slots[hole] = slots[next]
        hole = next
      }
    }
    slots[hole] = Slot()
    return place
  }

  func visit(_ body: (UInt64, Int) -> Void) {
    for slot in slots where slot.place >= 0 { body(slot.fibril, slot.place) }
  }

  @inline(__always)
  private func home(_ fibril: UInt64) -> Int { Int(truncatingIfNeeded: (fibril &* multiplier) &>> shift) }

  /// The fibril's slot, or the empty one in which it would be.
  @inline(__always)
  private func find(_ fibril: UInt64) -> Int {
    let mask = slots.count - 1
    var slot = home(fibril)
    while slots[slot].place >= 0, slots[slot].fibril != fibril { slot = (slot + 1) & mask }
    return slot
  }

  private mutating func resize(to size: Int) {
    let old = slots
    slots = ContiguousArray(repeating: Slot(), count: size)
    shift = UInt64(size.leadingZeroBitCount + 1)
    for slot in old where slot.place >= 0 { slots[find(slot.fibril)] = slot }
  }
}
