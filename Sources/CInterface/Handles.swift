internal import Fibril
internal import FibrilC
internal import Synchronization

/// What stands behind each `fibril_t`, in memory that is never unmapped: so a handle that is used after
/// its join is told by its id, which no other fibril ever has, wherever the memory has gone since.
enum Handles {
  static func hold(_ fibril: consuming Fibril) -> fibril_t {
    let target = fibril_wake_target_t(fibril.wakeTarget)
    let id = fibril.id
    let held = free.withLock { first in
      guard let taken = first else { return HeldFibril.make() }
      first = taken.next
      return taken
    }
    held.fill(fibril, id: id)
    return fibril_t(target: target, handle: held.bits)
  }

  /// The fibril behind the handle, for the caller alone; nil: it has been joined or detached, or another
  /// one has it.
  static func claim(_ fibril: fibril_t) -> HeldFibril? {
    let id = fibril.target.opaque.1
    guard id != 0, let held = HeldFibril(bits: fibril.handle), held.claim(id) else { return nil }
    return held
  }

  fileprivate static let free = Mutex<HeldFibril?>(nil)
}

/// One fibril that can be joined.
///
/// Safe to use, and to be sent: the id is atomic, and the rest belongs to who has claimed it.
@safe struct HeldFibril: @unchecked Sendable {
  private struct Record: ~Copyable {
    /// 0: free, or claimed.
    let id = Atomic<UInt64>(0)
    var fibril: Fibril?
    var next: HeldFibril?
  }

  private let record: UnsafeMutablePointer<Record>

  static func make() -> HeldFibril {
    let record = UnsafeMutablePointer<Record>.allocate(capacity: 1)
    unsafe record.initialize(to: Record())
    return unsafe HeldFibril(record: record)
  }

  private init(record: UnsafeMutablePointer<Record>) { unsafe self.record = unsafe record }

  init?(bits: UInt64) {
    guard let record = unsafe UnsafeMutablePointer<Record>(bitPattern: UInt(bits)) else { return nil }
    unsafe self.record = unsafe record
  }

  var bits: UInt64 { UInt64(UInt(bitPattern: unsafe record)) }

  var next: HeldFibril? { unsafe record.pointee.next }

  func fill(_ fibril: consuming Fibril, id: UInt64) {
    unsafe record.pointee.fibril = consume fibril
    giveBack(id)
  }

  func claim(_ id: UInt64) -> Bool {
    unsafe record.pointee.id.compareExchange(expected: id, desired: 0, ordering: .acquiring).exchanged
  }

  /// Others can claim it again.
  func giveBack(_ id: UInt64) { unsafe record.pointee.id.store(id, ordering: .releasing) }

  func awaitEnd(until deadline: Deadline) throws(WaitError) {
    try unsafe record.pointee.fibril!.awaitEnd(until: deadline)
  }

  /// Nobody will join the fibril any more.
  func drop() {
    unsafe record.pointee.fibril = nil
    Handles.free.withLock { first in
      unsafe record.pointee.next = first
      first = self
    }
  }
}
