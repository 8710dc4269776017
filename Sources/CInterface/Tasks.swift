internal import Fibril
public import FibrilC
internal import Glibc

// The functions of fibril.h about tasks.

@c @implementation
public func fibril_api_version() -> UInt32 { UInt32(FIBRIL_API_VERSION) }

@c @implementation
public func fibril_task_create(_ options: UnsafePointer<fibril_task_options>?) -> Int32 {
  var chosen = FibrilTask.Options()
  if let options = unsafe options?.pointee {
    let known = FIBRIL_TASK_WITHOUT_IO_URING.rawValue | FIBRIL_TASK_WITHOUT_INLINE_FILE_CALLS.rawValue
    guard options.flags & ~UInt64(known) == 0, options.hasZeroRest else { return -EINVAL }
    if options.interrupt_signal != 0 { chosen.interruptSignal = options.interrupt_signal }
    chosen.usesIOUring = options.flags & UInt64(FIBRIL_TASK_WITHOUT_IO_URING.rawValue) == 0
    chosen.runsFileCallsInline = options.flags & UInt64(FIBRIL_TASK_WITHOUT_INLINE_FILE_CALLS.rawValue) == 0
  }
  do throws(FibrilError) {
    try ThreadsTask.start(options: chosen)
    return 0
  } catch {
    return -error.code
  }
}

@c @implementation
public func fibril_task_destroy() -> Int32 { onRoot { ThreadsTask.stop() } }

@c @implementation
public func fibril_join_all() -> Int32 { onRoot { ThreadsTask.joinAll() } }

private func onRoot(_ body: () -> Void) -> Int32 {
  onTask {
    guard ThreadsTask.isRoot else { return -EPERM }
    body()
    return 0
  }
}

@c @implementation
public func fibril_task_counts(_ counts: UnsafeMutablePointer<fibril_event_counts>?) -> Int32 {
  guard let counts = unsafe counts else { return -EINVAL }
  guard let seen = ThreadsTask.counts else { return -ESRCH }
  unsafe counts.pointee = fibril_event_counts(
    submits: seen.submits, blocks: seen.blocks, wakes: seen.wakes, switches: seen.switches, sleeps: seen.sleeps,
    resumes: seen.resumes, teardowns: seen.teardowns, inline_stalls: seen.inlineStalls)
  return 0
}

@c @implementation
public func fibril_is_traced() -> Bool { Fibril.isTraced }

@c @implementation
public func fibril_after_ns(_ nanoseconds: UInt64) -> UInt64 {
  let (sum, overflows) = Deadline.now.nanoseconds.addingReportingOverflow(nanoseconds)
  return overflows ? 0 : sum
}

extension fibril_task_options {
  fileprivate var hasZeroRest: Bool {
    let (a, b, c, d, e, f) = reserved
    return UInt64(bitPattern: Int64(reserved32)) | a | b | c | d | e | f == 0
  }
}
