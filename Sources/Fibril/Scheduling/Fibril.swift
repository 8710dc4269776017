internal import CFibril
internal import CFibrilContract

/// A handle on a fibril: code that runs on a stack of its own inside the task that spawned it.
///
/// Dropping the handle does not end the fibril; it only means that nobody will ask for its end. The
/// handle may be sent to other threads, the fibril stays.
public struct Fibril: ~Copyable, Sendable {
  private let target: WakeTarget
  private let task: UInt64

  /// Unique in the process and never used again.
  public var id: UInt64 { target.id }

  /// The library's version, as the fibril table says it.
  public static let version = "0.1.0"

  /// The usable size of a stack, unless told otherwise. Only what is touched costs memory.
  public static let defaultStackBytes = 60 * 1024

  static func spawn(
    on core: TaskRef, name: String?, stackBytes: Int, code: UInt64? = nil, _ body: consuming @escaping () -> Void
  ) throws(FibrilError) -> Fibril {
    let entry = try core.spawn(name: name, stackBytes: stackBytes, flags: EntryFlag.held, code: code, body)
    return Fibril(WakeTarget(entry, on: core), of: core.pointee.id)
  }

  private init(_ target: WakeTarget, of task: UInt64) {
    self.target = target
    self.task = task
  }

  /// The task that owns the fibril, if the calling thread is it.
  private var ownTask: TaskRef? {
    guard let task = currentTask(), task.pointee.id == self.task else { return nil }
    return task
  }

  /// Waits until the fibril has ended: in a fibril of the same task, of another one, or a plain thread.
  /// - Throws: `WaitError`, and nobody can join the fibril any more; it goes on.
  public consuming func join(until deadline: Deadline = .never) throws(WaitError) {
    let code: Int64
    if let task = ownTask {
      code = task.awaitEnd(target.entry, deadline: deadline.nanoseconds)
      task.release(target.entry)
    } else {
      code = EndWaiters.wait(for: target, of: task, until: deadline)
      target.request(FIBRIL_REQUEST_RELEASE)
    }
    discard self
    if let error = WaitError(code: code) { throw error }
  }

  /// As `join`, but the handle stays, also after an error. One at a time may wait.
  package borrowing func awaitEnd(until deadline: Deadline) throws(WaitError) {
    let code =
      ownTask?.awaitEnd(target.entry, deadline: deadline.nanoseconds)
      ?? EndWaiters.wait(for: target, of: task, until: deadline)
    if let error = WaitError(code: code) { throw error }
  }

  /// Cancels the fibril; see `WakeTarget.cancel`.
  public func cancel() { target.cancel() }

  /// What others can wake it or cancel it by.
  public var wakeTarget: WakeTarget { target }

  deinit {
    if let task = ownTask {
      if target.entry.pointee.id == id { task.release(target.entry) }
    } else {
      target.request(FIBRIL_REQUEST_RELEASE)
    }
  }
}

extension Fibril {
  /// A new fibril of the calling thread's task; see `FibrilTask.spawn`.
  @discardableResult
  public static func spawn(
    name: String? = nil, stackBytes: Int = defaultStackBytes, _ body: consuming @escaping () -> Void
  ) throws(FibrilError) -> Fibril {
    try spawn(on: requireTask(), name: name, stackBytes: stackBytes, body)
  }

  /// The same for `body` that calls a function that is not Swift's, by whose address, `code`, dumps and traces
  /// know it.
  package static func spawn(
    name: String?, stackBytes: Int, code: UInt64, _ body: consuming @escaping () -> Void
  ) throws(FibrilError) -> Fibril {
    try spawn(on: requireTask(), name: name, stackBytes: stackBytes, code: code, body)
  }

  /// The id of the running fibril, 0 on a thread that is no task.
  public static var currentID: UInt64 { currentTask()?.pointee.running.pointee.id ?? 0 }

  /// Lets the other runnable fibrils of the task run. Returns at once if there is none.
  public static func yield() { requireTask().yield() }

  /// Blocks the running fibril until somebody wakes its `WakeTarget`. Returns at once if that has
  /// happened since its last block.
  public static func block(until deadline: Deadline = .never) throws(WaitError) {
    let task = requireTask()
    let fibril = task.pointee.running
    task.harvestIfDue()
    if fibril.pointee.flags & EntryFlag.woken == 0 {
      let code = task.wait(reason: FIBRIL_REASON_WAKE_TARGET, object: 0, deadline: deadline.nanoseconds)
      if let error = WaitError(code: code) { throw error }
    } else {
      fibril.pointee.flags &= ~EntryFlag.woken
    }
  }

  /// Blocks the running fibril for a time. Time during which the process is stopped counts.
  /// - Throws: `WaitError.cancelled`.
  public static func sleep(for duration: Duration) throws(WaitError) {
    let task = requireTask()
    task.harvestIfDue()
    let nanoseconds = duration.clampedNanoseconds
    let deadline = Deadline.after(duration).nanoseconds
    let code = task.wait(reason: FIBRIL_REASON_SLEEP, object: nanoseconds, deadline: deadline)
    if WaitError(code: code) == .cancelled { throw .cancelled }
  }

  /// Whether a tracer listens to this process at the moment.
  public static var isTraced: Bool { fibril_traces_scheduling() || fibril_traces_lifetime() }
}
