internal import CFibril
internal import CFibrilContract

/// A reference to scheduler data in raw memory: no reference count, no exclusivity check.
///
/// Safe to use because of who makes them: references to entries, slots and task cores point into
/// memory that is mapped for the life of the process (`Debugging/FibrilTable.swift`), and all but
/// the fields named in `Synchronization/Mailbox.swift` are touched by the owning thread only.
@safe struct Ref<Pointee> {
  let pointer: UnsafeMutablePointer<Pointee>

  @inline(__always)
  init(_ pointer: UnsafeMutablePointer<Pointee>) { unsafe self.pointer = pointer }

  @inline(__always)
  init?(bits: UInt64) {
    guard let pointer = unsafe UnsafeMutablePointer<Pointee>(bitPattern: UInt(bits)) else { return nil }
    unsafe self.pointer = pointer
  }

  @inline(__always)
  var bits: UInt64 { UInt64(UInt(bitPattern: unsafe pointer)) }

  @inline(__always)
  var pointee: Pointee {
    unsafeAddress { unsafe UnsafePointer(pointer) }
    nonmutating unsafeMutableAddress { unsafe pointer }
  }
}

extension Ref: Equatable {
  @inline(__always)
  static func == (left: Ref, right: Ref) -> Bool { left.bits == right.bits }
}

typealias EntryRef = Ref<fibril_entry>
typealias SlotRef = Ref<fibril_task_slot>

/// The task whose core lies there. A type of its own, not `Ref<TaskCore>`, because what it does stands
/// in every stack that a user looks at: `TaskRef.block` says more than `Ref<A>.block`.
@safe struct TaskRef: Equatable {
  private let core: Ref<TaskCore>

  @inline(__always)
  init(_ pointer: UnsafeMutablePointer<TaskCore>) { unsafe core = Ref(pointer) }

  @inline(__always)
  init?(bits: UInt64) {
    guard let core = Ref<TaskCore>(bits: bits) else { return nil }
    self.core = core
  }

  @inline(__always)
  var pointer: UnsafeMutablePointer<TaskCore> { unsafe core.pointer }

  @inline(__always)
  var pointee: TaskCore {
    unsafeAddress { unsafe UnsafePointer(pointer) }
    nonmutating unsafeMutableAddress { unsafe pointer }
  }
}

/// A fibril's state as the table holds it.
enum FibrilStateNumber {
  static let runnable = UInt8(FIBRIL_STATE_RUNNABLE.rawValue)
  static let running = UInt8(FIBRIL_STATE_RUNNING.rawValue)
  static let blocked = UInt8(FIBRIL_STATE_BLOCKED.rawValue)
  static let dead = UInt8(FIBRIL_STATE_DEAD.rawValue)
}

/// The runtime's own bits of an entry's flags, above those of `enum fibril_entry_flags`.
enum EntryFlag {
  static let call = UInt8(FIBRIL_ENTRY_CALL.rawValue)
  static let root = UInt8(FIBRIL_ENTRY_ROOT.rawValue)
  static let helper = UInt8(FIBRIL_ENTRY_HELPER.rawValue)
  /// A wake came while the fibril was not blocked on its wake target: its next block returns at once.
  static let woken: UInt8 = 8
  /// Somebody can still join it: the entry stays when the fibril has ended.
  static let held: UInt8 = 16
  static let cancelled = UInt8(FIBRIL_ENTRY_CANCELLED.rawValue)
}
