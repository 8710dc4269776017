// All threads of a process, stopped by ptrace until they are let go.
internal import CSystemCalls
internal import Glibc

/// A process that stands still. It goes on when this value ends or this program does, even by SIGKILL.
@safe struct ProcessStop: ~Copyable {
  private let handle: OpaquePointer

  /// How long to wait for all threads to stop. One that sleeps uninterruptibly does not.
  private static let timeoutMilliseconds: Int32 = 200

  /// Throws if there is no such process, no right to stop it, or it has a debugger already.
  init(processID: Int32) throws(InspectionError) {
    var handle: OpaquePointer?
    let result = unsafe fibril_stop_process(processID, Self.timeoutMilliseconds, &handle)
    guard result == 0, let handle = unsafe handle else { throw Self.error(-result, processID) }
    unsafe self.handle = handle
  }

  /// All threads, by their id here.
  var threads: [Int32: fibril_stopped_thread] {
    var threads: [Int32: fibril_stopped_thread] = [:]
    for index in 0..<(unsafe fibril_stopped_thread_count(handle)) {
      // Safe: the index is below the count, and the list stays until the process is let go.
      let thread = unsafe fibril_stopped_thread_at(handle, index).pointee
      threads[thread.tid] = thread
    }
    return threads
  }

  deinit { _ = unsafe fibril_thaw_process(handle) }

  /// Lets the process go on. Returns for how long it stood still, in ns.
  consuming func thaw() -> UInt64 {
    let duration = unsafe fibril_thaw_process(handle)
    discard self
    return duration
  }

  private static func error(_ errno: Int32, _ process: Int32) -> InspectionError {
    switch errno {
    case ESRCH: return .noSuchProcess(process)
    case EPERM, EACCES:
      if let debugger = tracer(of: process) { return .hasDebugger(process, debugger: debugger) }
      return .noRights(process)
    default: return .cannotStop(process, errno: errno)
    }
  }

  /// The process that traces one of its threads; nil if none does.
  private static func tracer(of process: Int32) -> Int32? {
    for thread in ProcFile.names(in: "/proc/\(process)/task").compactMap({ Int32($0) }) {
      // A tracer is a thread, too.
      let files = ThreadFiles(processID: process, threadID: thread)
      guard let tracer = files.status("TracerPid"), tracer != 0 else { continue }
      return ThreadFiles(processID: tracer, threadID: tracer).status("Tgid") ?? tracer
    }
    return nil
  }
}
