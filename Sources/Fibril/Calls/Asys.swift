/// Asynchronous system calls, on the calling thread's task: submit any call, collect its return code
/// later; or, inside a fibril, make a call that blocks the fibril and never the task.
public enum Asys {
  /// Submits calls. Never blocks. A call that does not block is run in turn, before this returns;
  /// another one is on its way when this returns, and runs on while this fibril goes on. Many calls
  /// at once take the kernel's notice once.
  ///
  /// What the calls' arguments point to must stay where it is until their completions have been
  /// collected.
  /// - Throws: `FibrilError` for want of memory; the calls before the one at fault are submitted.
  public static func submit(_ calls: some Sequence<SystemCall>) throws(FibrilError) {
    let task = requireTask()
    defer { task.startSubmitted() }
    for call in calls { try task.submit(call) }
  }

  /// Submits one call.
  public static func submit(_ call: SystemCall) throws(FibrilError) {
    let task = requireTask()
    defer { task.startSubmitted() }
    try task.submit(call)
  }

  /// Calls that were submitted on this task and are not finished.
  public static var pendingCalls: Int { requireTask().pointee.pendingCalls }

  /// Appends finished calls to `completions`, in the order in which they finished, and blocks the
  /// calling fibril until there are at least `minimum` of them.
  ///
  /// - Returns: How many were appended: less than `minimum` only if no call was left that could
  ///   finish, and at most `maximum`.
  @discardableResult
  public static func awaitCompletions(
    minimum: Int = 1, maximum: Int = .max, into completions: inout [Completion]
  ) -> Int {
    requireTask().collect(minimum: minimum, maximum: maximum, into: &completions)
  }

  /// Makes a system call and blocks the calling fibril until it is done, as the bare call would block
  /// a thread; the task's other fibrils run meanwhile.
  /// - Returns: What the call returns.
  /// - Throws: `SystemCallError` with the call's `errno`.
  @discardableResult
  public static func call(_ call: SystemCall) throws(SystemCallError) -> Int {
    let result = requireTask().call(call)
    guard result >= 0 || result < -4095 else {
      throw SystemCallError(call: call.number, code: Int32(-result))
    }
    return Int(result)
  }
}
