internal import CFibril
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
@safe public struct FibrilSignals: ~Copyable {
  private let descriptor: Int32
  private let added: sigset_t
  /// Room for a `struct signalfd_siginfo`, whose first word is the signal's number (signalfd(2)).
  private let information = UnsafeMutableRawBufferPointer.allocate(byteCount: 128, alignment: 8)

  /// Blocks the signals in the calling thread, until the value is destroyed there, and collects them
  /// from then on. A signal to the process may still go to another thread that does not block it: make
  /// this before other threads are started, or block the signal in them too. Without io_uring a helper
  /// thread looks for them, which sees those sent to the process and not those sent to this thread.
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
        Int64(SYS_signalfd4), UInt64.max, UInt64(UInt(bitPattern: wanted)), 8, UInt64(O_CLOEXEC), 0, 0)
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
  /// - Throws: `SystemCallError` with EINTR if the fibril is cancelled.
  public func next() throws(SystemCallError) -> Int32 {
    try unsafe Asys.call(.read(descriptor, into: information))
    return unsafe information.load(as: Int32.self)
  }

  deinit {
    close(descriptor)
    var added = added
    unsafe pthread_sigmask(SIG_UNBLOCK, &added, nil)
    unsafe information.deallocate()
  }
}
