import Fibril

/// Three fibrils that each hold one of three mutexes and wait for the next: a deadlock to look at.
struct LockCycle {
  private let mutexes = (0..<3).map { _ in FibrilMutex() }
  private let fibrils: [WakeTarget]

  init(on task: borrowing FibrilTask) throws {
    let mutexes = self.mutexes
    fibrils = try (0..<3).map { index in
      try task.spawn(name: "deadlock-\(index)") {
        do {
          try mutexes[index].withLock {
            Fibril.yield()
            try mutexes[(index + 1) % 3].withLock {}
          }
        } catch {
          // Cancelled by `breakUp`: what it held is free again.
        }
      }.wakeTarget
    }
  }

  /// Cancels them: each lets go of what it holds.
  func breakUp() {
    for fibril in fibrils { fibril.cancel() }
  }
}
