internal import CFibril
internal import CFibrilContract
internal import Glibc

// A forked child has the memory of its parent and one thread. If that is a task, its fibrils go on, but
// not with what the kernel or other threads did for them: the ring belongs to the parent, the helpers do
// not exist, and the eventfd is one file for both. What the table and the mailbox say is put right at the
// fork itself (CFibril/fork.c).

extension TaskRef {
  /// A compare, before anything that the fork has broken is touched.
  @inline(__always)
  func renewIfForked() {
    if unsafe fibril_root_address()!.pointee.ident != pointee.image { renewAfterFork() }
  }

  /// Gives the child a ring, helpers and an eventfd of its own. Calls that were pending are the
  /// parent's: here they end with -ECANCELED, but sleeps go on.
  @inline(never)
  private func renewAfterFork() {
    pointee.image = unsafe fibril_root_address()!.pointee.ident
    pointee.threadID = fibril_thread_id()
    let hadRing = pointee.ring != nil
    pointee.ring?.close()
    pointee.ring = nil
    // Never destroyed: its threads are recorded as waiting, and will not come to be woken.
    if let pool = pointee.helpers { unsafe _ = Unmanaged.passRetained(pool) }
    pointee.helpers = nil
    (pointee.slot.pointee.helpers, pointee.slot.pointee.helper_queue) = (0, 0)
    pointee.mailbox.replaceDescriptor()
    if hadRing { pointee.ring = try? Ring(mailbox: pointee.mailbox.descriptor) }
    takeInbound()
    forEachPendingCall { entry in
      if entry.pointee.own & OwnFlag.sleeps == 0 { finishCall(entry, result: -Int64(ECANCELED)) }
    }
    pointee.outgoing.forget()
  }
}
