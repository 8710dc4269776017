// The calls for processes, by the names of their manual pages.
// Pointers must stay valid until the call has completed.

extension SystemCall {
  /// `wait4(2)`; waits unless told WNOHANG.
  public static func wait4(
    process: Int32, status: UnsafeMutableRawPointer? = nil, options: Int32 = 0, usage: UnsafeMutableRawPointer? = nil,
    cookie: UInt64 = 0
  ) -> Self {
    unsafe Self(.wait4, word(process), word(status), word(options), word(usage), cookie: cookie)
  }

  /// `waitid(2)` into a `siginfo_t`.
  public static func waitid(
    type: Int32, process: Int32, into information: UnsafeMutableRawPointer? = nil, options: Int32, cookie: UInt64 = 0
  ) -> Self {
    unsafe Self(.waitid, word(type), word(process), word(information), word(options), 0, cookie: cookie)
  }

  /// `kill(2)`.
  public static func kill(process: Int32, signal: Int32, cookie: UInt64 = 0) -> Self {
    Self(.kill, word(process), word(signal), cookie: cookie)
  }

  /// `pidfd_open(2)`.
  public static func pidfd_open(process: Int32, flags: UInt32 = 0, cookie: UInt64 = 0) -> Self {
    Self(.pidfd_open, word(process), UInt64(flags), cookie: cookie)
  }

  /// `pidfd_send_signal(2)`.
  public static func pidfd_send_signal(_ descriptor: Int32, signal: Int32, cookie: UInt64 = 0) -> Self {
    Self(.pidfd_send_signal, word(descriptor), word(signal), 0, 0, cookie: cookie)
  }

  /// `getpid(2)`.
  public static func getpid(cookie: UInt64 = 0) -> Self {
    Self(.getpid, cookie: cookie)
  }

  /// `gettid(2)`: of the task's thread.
  public static func gettid(cookie: UInt64 = 0) -> Self {
    Self(.gettid, cookie: cookie)
  }

  /// `getrandom(2)` into `buffer`.
  public static func getrandom(into buffer: UnsafeMutableRawBufferPointer, flags: UInt32 = 0, cookie: UInt64 = 0)
    -> Self
  {
    unsafe Self(.getrandom, word(buffer.baseAddress), UInt64(buffer.count), UInt64(flags), cookie: cookie)
  }

  /// `sched_yield(2)`: gives the processor to another thread. For another fibril there is `Fibril.yield`.
  public static func sched_yield(cookie: UInt64 = 0) -> Self {
    Self(.sched_yield, cookie: cookie)
  }
}
