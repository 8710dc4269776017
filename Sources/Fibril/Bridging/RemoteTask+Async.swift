internal import Synchronization

extension RemoteTask {
  /// Runs a closure of blocking calls on a fibril of the task and awaits what it returns; the thread
  /// of the caller's executor is free meanwhile.
  ///
  /// ```swift
  /// let bytes = try await task.run { try Asys.call(.read(descriptor, into: buffer)) }
  /// ```
  ///
  /// In the closure there is no current Swift task: task-local values have their defaults, and
  /// `Task.isCancelled` says nothing. If the calling task is cancelled, so is the fibril: `Fibril.cancel`.
  /// - Throws: What the closure throws; `FibrilError` if the fibril could not be made.
  public func run<Value: Sendable>(
    name: String? = nil, stackBytes: Int = Fibril.defaultStackBytes, _ body: @escaping @Sendable () throws -> Value
  ) async throws -> Value {
    let cancellation = PendingCancellation()
    return try await withTaskCancellationHandler {
      try await withCheckedThrowingContinuation { continuation in
        do {
          try spawn(name: name, stackBytes: stackBytes, onFailure: { continuation.resume(throwing: $0) }) {
            cancellation.begin(WakeTarget.current)
            let result = Result { try body() }
            cancellation.end()
            continuation.resume(with: result)
          }
        } catch {
          continuation.resume(throwing: error)
        }
      }
    } onCancel: {
      cancellation.cancel()
    }
  }
}

/// Joins a Swift task's cancellation, which may come at any time, to a fibril, which is there for a while.
private final class PendingCancellation: Sendable {
  private enum State {
    case waiting
    case running(WakeTarget)
    case over
  }

  private let state = Mutex(State.waiting)

  func begin(_ fibril: WakeTarget) {
    let isOver = state.withLock { state in
      guard case .waiting = state else { return true }
      state = .running(fibril)
      return false
    }
    if isOver { fibril.cancel() }
  }

  func end() { state.withLock { $0 = .over } }

  func cancel() {
    state.withLock { state in
      if case .running(let fibril) = state { fibril.cancel() }
      state = .over
    }
  }
}
