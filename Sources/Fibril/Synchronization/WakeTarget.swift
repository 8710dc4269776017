internal import CFibril
internal import CFibrilContract

/// The cookie that a waker holds: wakes one fibril, from anywhere.
///
/// ```swift
/// let target = WakeTarget.current
/// somethingElse.notify { target.wake() }   // another fibril, thread or signal handler
/// Fibril.block()
/// ```
///
/// A wake that comes before the block is not lost: the next block returns at once. Several wakes
/// before one block count as one. A wake whose fibril has ended does nothing.
@safe public struct WakeTarget: @unchecked Sendable {
  // Sendable although it points into the task: what it points to is never unmapped, and `wake` from
  // another thread touches only the fields made for that (`Mailbox.post`).
  private let entry: EntryRef
  private let id: UInt64
  private let mailbox: UnsafeMutablePointer<fibril_mailbox>

  /// The wake target of the running fibril. The calling thread must be a task.
  public static var current: WakeTarget {
    let task = requireTask()
    let fibril = task.pointee.running
    return unsafe WakeTarget(entry: fibril, id: fibril.pointee.id, mailbox: task.pointee.mailbox.shared)
  }

  /// Makes the fibril runnable. Never blocks and takes no lock; safe in a signal handler.
  public func wake() {
    guard let task = currentTask() else {
      return unsafe Mailbox.post(wake: id, entry: entry, to: mailbox, by: Waker(time: fibril_ticks()))
    }
    // Always by the mailbox, also within one task: a signal handler may have interrupted its
    // scheduler, and from here the two cannot be told apart. The owner takes it in below.
    unsafe Mailbox.post(wake: id, entry: entry, to: mailbox, by: task.selfAsWaker())
  }
}
