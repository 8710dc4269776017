internal import CFibril
internal import CFibrilContract

/// The cookie that a waker holds: wakes one fibril, or cancels it, from anywhere.
///
/// ```swift
/// let target = WakeTarget.current
/// somethingElse.notify { target.wake() }   // another fibril, thread or signal handler
/// try Fibril.block()
/// ```
///
/// A wake that comes before the block is not lost: the next block returns at once. Several wakes
/// before one block count as one. A wake whose fibril has ended does nothing.
@safe public struct WakeTarget: @unchecked Sendable {
  // Sendable although it points into the task: what it points to is never unmapped, and a request from
  // another thread touches only the fields made for that (`Mailbox.post`).
  let entry: EntryRef
  let id: UInt64
  let mailbox: UnsafeMutablePointer<fibril_mailbox>

  /// The wake target of the running fibril. The calling thread must be a task.
  public static var current: WakeTarget {
    let task = requireTask()
    return WakeTarget(task.pointee.running, on: task)
  }

  init(_ entry: EntryRef, on task: TaskRef) {
    self.entry = entry
    id = entry.pointee.id
    unsafe mailbox = unsafe task.pointee.mailbox.shared
  }

  /// Makes the fibril runnable. Never blocks and takes no lock; safe in a signal handler.
  public func wake() { request(FIBRIL_REQUEST_WAKE) }

  /// Cancels the fibril: the call in which it is blocked returns -EINTR, another wait of it throws
  /// `WaitError.cancelled`, and so do those that follow. What it does then is up to it. Never blocks and
  /// takes no lock; safe in a signal handler.
  public func cancel() { request(FIBRIL_REQUEST_CANCEL) }

  /// Its three words, by which the C interface carries it.
  package var words: (entry: UInt64, id: UInt64, mailbox: UInt64) {
    (entry.bits, id, UInt64(UInt(bitPattern: unsafe mailbox)))
  }

  /// From the words of another one; nil if they are zero.
  package init?(words: (entry: UInt64, id: UInt64, mailbox: UInt64)) {
    guard let entry = EntryRef(bits: words.entry),
      let mailbox = unsafe UnsafeMutablePointer<fibril_mailbox>(bitPattern: UInt(words.mailbox))
    else { return nil }
    self.entry = entry
    id = words.id
    unsafe self.mailbox = unsafe mailbox
  }

  /// Always by the mailbox, also within one task: a signal handler may have interrupted its scheduler,
  /// and from here the two cannot be told apart. The owner takes it in at its next switch.
  func request(_ request: fibril_request) {
    let waker = currentTask()?.selfAsWaker() ?? Waker(time: fibril_ticks())
    unsafe Mailbox.post(request, id: id, entry: entry, to: mailbox, by: waker)
  }
}
