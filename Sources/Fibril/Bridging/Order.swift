internal import CFibril

/// What another thread wants of a task: a fibril for a closure, or a job of Swift's to be run.
///
/// Sendable because it is filled before it is left in a mailbox, and touched by the task after that.
@safe final class Order: @unchecked Sendable {
  enum Kind {
    case spawn(Spawn)
    case job(UnownedJob, FibrilExecutor)
  }

  struct Spawn {
    var name: String?
    var stackBytes: Int
    var body: @Sendable () -> Void
    /// If there is no memory for the fibril.
    var onFailure: @Sendable (FibrilError) -> Void
  }

  let kind: Kind
  /// The fibril that left it, 0 for a thread that is no task.
  let parent = Fibril.currentID
  /// The order that was left before it.
  let next: UnsafeMutablePointer<UInt64>

  init(_ kind: Kind) {
    self.kind = kind
    unsafe next = .allocate(capacity: 1)
    unsafe next.initialize(to: 0)
  }

  deinit { unsafe next.deallocate() }
}

extension TaskRef {
  func carryOutOrders() {
    guard unsafe fibril_atomic_load(&pointee.mailbox.shared.pointee.orders) != 0 else { return }
    for order in pointee.mailbox.takeOrders() {
      switch order.kind {
      case .spawn(let spawn):
        do {
          _ = try self.spawn(
            name: spawn.name, stackBytes: spawn.stackBytes, flags: 0, parent: order.parent, spawn.body)
        } catch {
          spawn.onFailure(error)
        }
      case .job(let job, let executor): executor.append(job, on: self, parent: order.parent)
      }
    }
  }
}
