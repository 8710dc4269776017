internal import CFibril
internal import CFibrilContract
internal import Glibc

/// The tables that contract C shows to the outside: task slots, chunks of entries, names. All tasks
/// of a process share them; nothing in them is ever unmapped, only used again.
///
/// Their state lies in C memory (`fibril_root`, and the first page of the slots), not in Swift
/// globals, which would be checked for exclusivity on every use.
enum FibrilTable {
  static let mostTasks = 65_536
  static let entriesInChunk = 1024
  static let mostChunks = 8192

  /// A slot for the calling thread's task, with a fresh id.
  static func takeSlot() throws(FibrilError) -> SlotRef {
    fibril_registry_lock()
    defer { fibril_registry_unlock() }
    try setUp()
    let root = unsafe fibril_root_address()!
    let slots = unsafe UnsafeMutablePointer<fibril_task_slot>(bitPattern: UInt(root.pointee.tasks))!
    let used = Int(unsafe root.pointee.task_slots)
    // Taken from here on, live once it has its task's id.
    let index = (0..<used).first { unsafe slots[$0].tid == 0 } ?? used
    guard index < mostTasks else {
      throw FibrilError(action: "make a task: the process has \(mostTasks) already", code: EAGAIN)
    }
    let old = unsafe slots[index]
    unsafe slots[index] = fibril_task_slot()
    // The chunks of the slot's last task and what a late wake may look at stay with the slot.
    unsafe slots[index].chunks = old.chunks
    unsafe slots[index].chunk_count = old.chunk_count
    unsafe slots[index].chunk_entries = UInt32(entriesInChunk)
    unsafe slots[index].reserved2 = old.reserved2
    unsafe slots[index].started = fibril_ticks()
    unsafe slots[index].tid = fibril_thread_id()
    if index == used { unsafe root.pointee.task_slots = UInt32(used + 1) }
    return unsafe SlotRef(slots + index)
  }

  /// Takes the task out of the table.
  static func hide(_ slot: SlotRef) {
    slot.pointee.task = 0
    fibril_store_barrier()
    slot.pointee.running = 0
    slot.pointee.running_entry = 0
    slot.pointee.buffer = 0
  }

  /// Lets another task take the slot.
  static func giveBack(_ slot: SlotRef) {
    fibril_registry_lock()
    slot.pointee.tid = 0
    fibril_registry_unlock()
  }

  /// The first task of the process lays out the tables. Called under the lock.
  private static func setUp() throws(FibrilError) {
    let root = unsafe fibril_root_address()!
    guard unsafe root.pointee.magic == 0 else { return }
    // With it come the clock and the names.
    _ = fibril_process_ident()
    guard unsafe root.pointee.names != 0 else {
      throw FibrilError(action: "map the table of names", code: ENOMEM)
    }
    let slots = try reserve(mostTasks * MemoryLayout<fibril_task_slot>.stride)
    unsafe fibril_table_publish(
      "Fibril \(Fibril.version)", UnsafeMutablePointer(bitPattern: UInt(slots)), 0, fibril_context_kind())
  }

  /// Zeroed memory that costs only what is touched.
  static func reserve(_ bytes: Int) throws(FibrilError) -> UInt64 {
    let memory = unsafe mmap(
      nil, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | CInt(MAP_NORESERVE), -1, 0)
    guard let memory = unsafe memory, unsafe memory != MAP_FAILED else {
      throw FibrilError(action: "map \(bytes) bytes for the fibril table", code: Glibc.errno)
    }
    return UInt64(UInt(bitPattern: memory))
  }
}

extension Ref<fibril_task_slot> {
  /// The task core that lies behind the slot, from its first task on.
  var core: UInt64 {
    get { pointee.reserved2.0 }
    nonmutating set { pointee.reserved2.0 = newValue }
  }

  /// The mailbox, likewise.
  var mailbox: UInt64 {
    get { pointee.reserved2.1 }
    nonmutating set { pointee.reserved2.1 = newValue }
  }
}
