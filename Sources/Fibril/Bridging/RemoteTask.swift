internal import CFibril
internal import Glibc

/// A task as other threads see it: they can have fibrils spawned on it.
///
/// Nothing here takes a lock of the task's own: orders are left in its mailbox, and it takes them in at
/// its next switch or harvest, or is woken if it sleeps. So it has to come to that: a task whose running
/// fibril blocks the whole thread, as by a bare `read`, takes nothing in.
@safe public struct RemoteTask: @unchecked Sendable {
  // Sendable although it points to the mailbox: that is never unmapped, and `Mailbox.post` is for any thread.
  private let mailbox: UnsafeMutablePointer<fibril_mailbox>

  /// The task's id.
  public let id: UInt64

  init(_ task: TaskRef) {
    unsafe mailbox = unsafe task.pointee.mailbox.shared
    id = task.pointee.id
  }

  /// Has a fibril spawned on the task.
  ///
  /// - Parameter onFailure: Called by the task if it has no memory for the fibril. By default the program
  ///   stops with a message, since otherwise nobody would learn of it.
  /// - Throws: `FibrilError` (ESRCH) if the task has ended or is about to.
  public func spawn(
    name: String? = nil, stackBytes: Int = Fibril.defaultStackBytes,
    onFailure: @escaping @Sendable (FibrilError) -> Void = { fatalError("\($0)") },
    _ body: @escaping @Sendable () -> Void
  ) throws(FibrilError) {
    let order = Order(.spawn(.init(name: name, stackBytes: stackBytes, body: body, onFailure: onFailure)))
    guard unsafe Mailbox.post(order: order, to: mailbox, of: id) else {
      throw FibrilError(action: "spawn a fibril on task \(id): it has ended", code: ESRCH)
    }
  }

  /// Has a job of Swift's run on the task's thread.
  func run(_ job: UnownedJob, for executor: FibrilExecutor) {
    guard unsafe Mailbox.post(order: Order(.job(job, executor)), to: mailbox, of: id) else {
      fatalError("a Swift task runs on an executor whose fibril task (\(id)) has ended: it could never go on")
    }
  }
}

extension FibrilTask {
  /// The calling thread's task, for other threads. It takes their orders until the end of the
  /// `FibrilTask`, and needs a root that waits meanwhile, for instance in `Fibril.block`.
  public var remote: RemoteTask { RemoteTask(requireTask()) }
}
