internal import CFibril
internal import CFibrilContract

/// Asynchronous system calls, on the calling thread's task: submit any call, collect its return code
/// later; or, inside a fibril, make a call that blocks the fibril and never the task.
public enum Asys {
  /// Submits calls. Never blocks. A call that does not block is run in turn, before this returns;
  /// another one is on its way when this returns, and runs on while this fibril goes on. Many calls
  /// at once take the kernel's notice once.
  ///
  /// What the calls' arguments point to must stay where it is until their completions have been
  /// collected.
  /// - Throws: `FibrilError` for want of memory. The calls before the one at fault are submitted; the
  ///   error says how many those are.
  public static func submit(_ calls: some Sequence<SystemCall>) throws(FibrilError) {
    let task = requireTask()
    defer { task.startSubmitted() }
    var count = 0
    for call in calls {
      do throws(FibrilError) { try task.submit(call) } catch { throw error.after(count) }
      count += 1
    }
  }

  /// The same for an array, without the cost of asking a sequence of an unknown kind.
  public static func submit(_ calls: [SystemCall]) throws(FibrilError) {
    let task = requireTask()
    defer { task.startSubmitted() }
    for index in calls.indices {
      do throws(FibrilError) { try task.submit(calls[index]) } catch { throw error.after(index) }
    }
  }

  /// The same for calls in another form than `SystemCall`, which `call` makes of them by their index.
  /// - Returns: How many are submitted, and why the next one is not.
  package static func submit(count: Int, _ call: (Int) -> SystemCall) -> (submitted: Int, error: FibrilError?) {
    let task = requireTask()
    defer { task.startSubmitted() }
    for index in 0..<count {
      do throws(FibrilError) {
        try task.submit(call(index))
      } catch {
        return (index, error)
      }
    }
    return (count, nil)
  }

  /// Submits one call.
  public static func submit(_ call: SystemCall) throws(FibrilError) {
    let task = requireTask()
    defer { task.startSubmitted() }
    try task.submit(call)
  }

  /// Calls that were submitted on this task and are not finished.
  public static var pendingCalls: Int { requireTask().pointee.pendingCalls }

  /// Threads that make calls for this task at the moment or wait to make one; 0 until there is need of one.
  public static var helperThreads: Int {
    unsafe Int(fibril_atomic_load(&requireTask().pointee.slot.pointer.pointee.helpers))
  }

  /// Calls that helpers have and have not finished: while there are any, the task looks for their results
  /// before it sleeps.
  package static var callsWithHelpers: Int { requireTask().pointee.outgoing.withHelpers }

  /// Calls of this task that wait for a helper because the system allows no further thread.
  public static var callsWaitingForHelpers: Int {
    unsafe Int(fibril_atomic_load(&requireTask().pointee.slot.pointer.pointee.helper_queue))
  }

  /// Appends finished calls to `completions`, in the order in which they finished, and blocks the
  /// calling fibril until there are at least `minimum` of them or the deadline has passed.
  ///
  /// - Returns: How many were appended: at most `maximum`, and less than `minimum` only if the deadline
  ///   has passed or no call was left that could finish.
  /// - Throws: `WaitError.cancelled` if the fibril is cancelled and there were not enough; they stay.
  @discardableResult
  public static func awaitCompletions(
    minimum: Int = 1, maximum: Int = .max, deadline: Deadline = .never, into completions: inout [Completion]
  ) throws(WaitError) -> Int {
    let task = try waitForCompletions(min(minimum, maximum), deadline)
    return task.takeCompletions(maximum) { completions.append($0) }
  }

  /// The same into memory of the caller's, whose size is the maximum.
  @discardableResult
  public static func awaitCompletions(
    minimum: Int = 1, deadline: Deadline = .never, into buffer: inout OutputSpan<Completion>
  ) throws(WaitError) -> Int {
    let task = try waitForCompletions(min(minimum, buffer.freeCapacity), deadline)
    return task.takeCompletions(buffer.freeCapacity) { buffer.append($0) }
  }

  private static func waitForCompletions(_ minimum: Int, _ deadline: Deadline) throws(WaitError) -> TaskRef {
    let task = requireTask()
    let error = WaitError(code: task.awaitCompletions(minimum, deadline: deadline.nanoseconds))
    guard error != .cancelled else { throw .cancelled }
    return task
  }

  /// Interrupts the submitted calls of this task that have this cookie: each ends soon, with -EINTR unless
  /// it was done before that, or had done a part; one that can not be interrupted goes on. All of them
  /// complete as ever.
  /// - Returns: How many there were.
  @discardableResult
  public static func cancel(cookie: UInt64) -> Int { requireTask().interruptCalls { $0 == cookie } }

  /// Interrupts all submitted calls of this task, as `cancel(cookie:)` does.
  @discardableResult
  public static func cancelAll() -> Int { requireTask().interruptCalls { _ in true } }

  /// Makes a system call and blocks the calling fibril until it is done, as the bare call would block
  /// a thread; the task's other fibrils run meanwhile. When the deadline passes or the fibril is
  /// cancelled, the call is interrupted.
  /// - Returns: What the call returns.
  /// - Throws: `SystemCallError` with the call's `errno`: `EINTR` if it was cancelled and `ETIMEDOUT` if
  ///   the deadline passed, unless it had done a part of its work.
  @discardableResult
  public static func call(_ call: SystemCall, deadline: Deadline = .never) throws(SystemCallError) -> Int {
    let result = requireTask().call(call, deadline: deadline.nanoseconds)
    guard result >= 0 || result < -4095 else {
      throw SystemCallError(call: call.number, code: Int32(-result))
    }
    return Int(result)
  }
}
