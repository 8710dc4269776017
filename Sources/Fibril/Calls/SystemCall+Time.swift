// The calls for time, by the names of their manual pages. Pointers must stay valid until the call has completed.

extension SystemCall {
  /// `nanosleep(2)`; `time` points to a `struct timespec`, `left` to one for what an interruption leaves.
  public static func nanosleep(_ time: UnsafeRawPointer, left: UnsafeMutableRawPointer? = nil, cookie: UInt64 = 0)
    -> Self
  {
    unsafe Self(.nanosleep, word(time), word(left), cookie: cookie)
  }

  /// `clock_nanosleep(2)`; until `time` with TIMER_ABSTIME.
  public static func clock_nanosleep(
    clock: Int32, flags: Int32, _ time: UnsafeRawPointer, left: UnsafeMutableRawPointer? = nil, cookie: UInt64 = 0
  ) -> Self {
    unsafe Self(.clock_nanosleep, word(clock), word(flags), word(time), word(left), cookie: cookie)
  }

  /// `clock_gettime(2)` into a `struct timespec`.
  public static func clock_gettime(clock: Int32, into time: UnsafeMutableRawPointer, cookie: UInt64 = 0) -> Self {
    unsafe Self(.clock_gettime, word(clock), word(time), cookie: cookie)
  }

  /// `timerfd_create(2)`.
  public static func timerfd_create(clock: Int32, flags: Int32 = 0, cookie: UInt64 = 0) -> Self {
    Self(.timerfd_create, word(clock), word(flags), cookie: cookie)
  }

  /// `timerfd_settime(2)`; both point to a `struct itimerspec`.
  public static func timerfd_settime(
    _ descriptor: Int32, flags: Int32, _ new: UnsafeRawPointer, old: UnsafeMutableRawPointer? = nil, cookie: UInt64 = 0
  ) -> Self {
    unsafe Self(.timerfd_settime, word(descriptor), word(flags), word(new), word(old), cookie: cookie)
  }
}
