internal import CFibril
internal import CFibrilContract

/// The children of one block of code, all of which have ended when the block has:
///
/// ```swift
/// try Fibril.withScope { scope in
///   try scope.spawn(name: "left") { try fetch(left) }
///   try scope.spawn(name: "right") { try fetch(right) }
/// }
/// ```
///
/// The first error, of a child or of the block itself, cancels the other children and comes out of the
/// scope once they have ended. So does a cancellation of the fibril that waits for them.
public final class FibrilScope {
  private let task = requireTask()
  private var children: [UInt64: WakeTarget] = [:]
  /// Who waits at the scope's end.
  private var parent: EntryRef?
  fileprivate var firstError: (any Error)?

  fileprivate init() {}

  /// A new fibril of this task that ends before the scope does. To be called by the fibril that made the
  /// scope, or by its children.
  /// - Throws: `FibrilError` as `FibrilTask.spawn` does.
  public func spawn(
    name: String? = nil, stackBytes: Int = Fibril.defaultStackBytes, _ body: @escaping () throws -> Void
  ) throws(FibrilError) {
    let entry = try task.spawn(name: name, stackBytes: stackBytes, flags: 0) { self.run(body) }
    let child = WakeTarget(entry, on: task)
    children[child.id] = child
    if firstError != nil { child.cancel() }
  }

  /// Cancels all children.
  public func cancel() {
    for child in children.values { child.cancel() }
  }

  private func run(_ body: () throws -> Void) {
    do {
      try body()
    } catch {
      fail(error)
    }
    children[Fibril.currentID] = nil
    if children.isEmpty, let parent {
      self.parent = nil
      task.wake(parent, by: task.selfAsWaker())
    }
  }

  /// The first error counts; what follows is its consequence.
  fileprivate func fail(_ error: any Error) {
    guard firstError == nil else { return }
    firstError = error
    cancel()
  }

  /// Waits for all children, those that are spawned meanwhile among them.
  fileprivate func joinChildren(until deadline: Deadline) {
    while !children.isEmpty {
      parent = task.pointee.running
      guard firstError == nil else {
        task.waitUninterruptibly(reason: FIBRIL_REASON_JOIN, object: 0)
        continue
      }
      let code = task.wait(reason: FIBRIL_REASON_JOIN, object: 0, deadline: deadline.nanoseconds)
      parent = nil
      if let error = WaitError(code: code) { fail(error) }
    }
  }
}

extension Fibril {
  /// Runs `body` and waits for the fibrils that it spawns in the scope.
  /// - Parameter deadline: When it passes, the children are cancelled, and `WaitError.timedOut` is thrown.
  /// - Throws: The first error of `body` or of a child, after all children have ended.
  public static func withScope<Value>(
    until deadline: Deadline = .never, _ body: (FibrilScope) throws -> Value
  ) throws -> Value {
    let scope = FibrilScope()
    let result = Result { try body(scope) }
    if case .failure(let error) = result { scope.fail(error) }
    scope.joinChildren(until: deadline)
    if let error = scope.firstError { throw error }
    return try result.get()
  }
}
