internal import CFibril
internal import CFibrilContract
internal import Glibc

/// Signals that a fibril waits for, instead of a handler that interrupts whatever runs:
///
/// ```swift
/// let signals = try FibrilSignals([SIGTERM, SIGHUP])
/// while try signals.next() == SIGHUP { reload() }
/// ```
///
/// The rule for signals in general is the seed's: they belong to the task, that is to its thread, and
/// all its fibrils share them. The mask is the thread's, whichever fibril changes it; a handler runs on
/// the stack of the fibril that happens to run (or on the alternate stack), and what it may do is wake
/// or cancel by a `WakeTarget`.
public struct FibrilSignals: ~Copyable {
  private let descriptor: Int32
  private let added: sigset_t

  /// Blocks the signals in the calling thread, until the value is destroyed there, and collects them
  /// from then on. A signal to the process may still go to another thread that does not block it: make
  /// this before other threads are started, or block the signal in them too.
  /// - Throws: `FibrilError` for a number that is no signal or can not be waited for, or for want of
  ///   descriptors.
  public init(_ numbers: [Int32]) throws(FibrilError) {
    var wanted = sigset_t()
    unsafe sigemptyset(&wanted)
    for number in numbers {
      guard number != SIGKILL, number != SIGSTOP, unsafe sigaddset(&wanted, number) == 0 else {
        throw FibrilError(action: "wait for signal \(number)", code: EINVAL)
      }
    }
    // The kernel's set of signals is 64 bits, the first of the C library's.
    let result = unsafe withUnsafePointer(to: &wanted) { wanted in
      fibril_system_call(
        Int64(SYS_signalfd4), UInt64.max, UInt64(UInt(bitPattern: wanted)), 8,
        UInt64(requireTask().pointee.ring == nil ? O_CLOEXEC | O_NONBLOCK : O_CLOEXEC), 0, 0)
    }
    guard result >= 0 else { throw FibrilError(action: "open a signalfd", code: CInt(-result)) }
    descriptor = Int32(result)
    var before = sigset_t()
    unsafe pthread_sigmask(SIG_BLOCK, &wanted, &before)
    // Those that were blocked already stay so.
    for number in numbers where unsafe sigismember(&before, number) == 1 { unsafe sigdelset(&wanted, number) }
    added = wanted
  }

  /// Blocks the fibril until one of the signals has come, and takes it.
  /// - Returns: Its number.
  /// - Throws: `SystemCallError` with EINTR if the fibril is cancelled, ETIMEDOUT at the deadline.
  public func next(until deadline: Deadline = .never) throws(SystemCallError) -> Int32 {
    // Room for a `struct signalfd_siginfo`, whose first word is the signal's number (signalfd(2)): each
    // fibril that waits here has its own.
    let (result, number) = unsafe withUnsafeTemporaryAllocation(byteCount: 128, alignment: 8) { information in
      var result: Int64
      repeat {
        result = unsafe requireTask().readSignal(.read(descriptor, into: information), of: descriptor, until: deadline)
      } while result == -Int64(EAGAIN)
      return unsafe (result, result < 0 ? 0 : information.load(as: Int32.self))
    }
    guard result >= 0 else { throw SystemCallError(call: .read, code: Int32(-result)) }
    return number
  }

  deinit {
    close(descriptor)
    var added = added
    unsafe pthread_sigmask(SIG_UNBLOCK, &added, nil)
  }
}

/// A fibril that waits for signals where there is no ring: a helper thread would not see those that were
/// sent to the task's own thread, so the task itself looks.
struct SignalWaiter {
  var descriptor: Int32
  var entry: EntryRef
}

extension TaskRef {
  /// Reads a signal, or waits until there may be one and returns -EAGAIN.
  fileprivate func readSignal(_ call: SystemCall, of descriptor: Int32, until deadline: Deadline) -> Int64 {
    guard pointee.ring == nil else { return self.call(call, deadline: deadline.nanoseconds) }
    let result = call.run()
    guard result == -Int64(EAGAIN) else { return result }
    let fibril = pointee.running
    pointee.signalWaiters.append(SignalWaiter(descriptor: descriptor, entry: fibril))
    let code = wait(
      reason: FIBRIL_REASON_CALL, object: UInt64(call.number.rawValue), deadline: deadline.nanoseconds)
    pointee.signalWaiters.removeAll { $0.entry == fibril }
    return code == 0 ? result : code
  }

  /// Wakes the fibrils that have a signal, waiting for one or for a knock if it may.
  func pollSignals(mayWait: Bool, until deadline: UInt64) {
    let waiters = pointee.signalWaiters
    var descriptors = waiters.map { pollfd(fd: $0.descriptor, events: Int16(POLLIN), revents: 0) }
    descriptors.append(pollfd(fd: pointee.mailbox.descriptor, events: Int16(POLLIN), revents: 0))
    unsafe fibril_wait_any(&descriptors, UInt64(descriptors.count), mayWait, deadline)
    if descriptors.last!.revents != 0 { pointee.mailbox.answerKnock() }
    for (waiter, polled) in zip(waiters, descriptors) where polled.revents != 0 {
      wake(waiter.entry, by: Waker(time: fibril_ticks()))
    }
  }
}
