internal import CFibril
internal import CFibrilContract

/// A handle on a fibril: code that runs on a stack of its own inside the task that spawned it.
///
/// Dropping the handle does not end the fibril; it only means that nobody will ask for its end.
public struct Fibril: ~Copyable {
  private let entry: EntryRef
  private let task: UInt64

  /// Unique in the process and never used again.
  public let id: UInt64

  /// The library's version, as the fibril table says it.
  public static let version = "0.1.0"

  /// The usable size of a stack, unless told otherwise. Only what is touched costs memory.
  public static let defaultStackBytes = StackArena.defaultBytes - StackArena.pageBytes

  static func spawn(
    on core: TaskRef, name: String?, stackBytes: Int, _ body: @escaping () -> Void
  ) throws(FibrilError) -> Fibril {
    let entry = try core.spawn(name: name, stackBytes: stackBytes, flags: EntryFlag.held, body)
    return Fibril(entry: entry, task: core.pointee.id, id: entry.pointee.id)
  }

  private init(entry: EntryRef, task: UInt64, id: UInt64) {
    self.entry = entry
    self.task = task
    self.id = id
  }

  /// Blocks the calling fibril, which must be of the same task, until this one has ended.
  public consuming func join() {
    let task = requireTask()
    precondition(task.pointee.id == self.task, "a fibril is joined from another task than its own")
    task.join(entry)
    discard self
  }

  deinit {
    guard let task = currentTask(), task.pointee.id == self.task, entry.pointee.id == id else { return }
    task.release(entry)
  }
}

extension Fibril {
  /// A new fibril of the calling thread's task; see `FibrilTask.spawn`.
  @discardableResult
  public static func spawn(
    name: String? = nil, stackBytes: Int = defaultStackBytes, _ body: @escaping () -> Void
  ) throws(FibrilError) -> Fibril {
    try spawn(on: requireTask(), name: name, stackBytes: stackBytes, body)
  }

  /// The id of the running fibril, 0 on a thread that is no task.
  public static var currentID: UInt64 { currentTask()?.pointee.running.pointee.id ?? 0 }

  /// Lets the other runnable fibrils of the task run. Returns at once if there is none.
  public static func yield() { requireTask().yield() }

  /// Blocks the running fibril until somebody wakes its `WakeTarget`. Returns at once if that has
  /// happened since its last block.
  public static func block() {
    let task = requireTask()
    let fibril = task.pointee.running
    task.harvestIfDue()
    if fibril.pointee.flags & EntryFlag.woken == 0 {
      task.block(reason: FIBRIL_REASON_WAKE_TARGET, object: 0)
    } else {
      fibril.pointee.flags &= ~EntryFlag.woken
    }
  }

  /// Blocks the running fibril for a time.
  public static func sleep(for duration: Duration) {
    requireTask().sleep(nanoseconds: duration.clampedNanoseconds)
  }
}

extension Duration {
  /// Whole nanoseconds, at least 0 and at most what fits 63 bits (292 years).
  var clampedNanoseconds: UInt64 {
    let (seconds, attoseconds) = components
    guard seconds >= 0, attoseconds >= 0 else { return 0 }
    guard seconds < Int64.max / 1_000_000_000 else { return UInt64(Int64.max) }
    return UInt64(seconds) * 1_000_000_000 + UInt64(attoseconds) / 1_000_000_000
  }
}

extension Fibril {
  /// Whether a tracer listens to this process at the moment.
  public static var isTraced: Bool { fibril_traces_scheduling() || fibril_traces_lifetime() }
}
