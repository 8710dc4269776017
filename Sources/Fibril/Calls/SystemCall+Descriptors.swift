// The calls for descriptors and what becomes of them, by the names of their manual pages.
// Pointers must stay valid until the call has completed.

extension SystemCall {
  /// `dup3(2)`.
  public static func dup3(_ old: Int32, to new: Int32, flags: Int32 = 0, cookie: UInt64 = 0) -> Self {
    Self(.dup3, word(old), word(new), word(flags), cookie: cookie)
  }

  /// `pipe2(2)`; `ends` points to two Int32, the reading end first.
  public static func pipe2(into ends: UnsafeMutableRawPointer, flags: Int32 = 0, cookie: UInt64 = 0) -> Self {
    unsafe Self(.pipe2, word(ends), word(flags), cookie: cookie)
  }

  /// `eventfd2(2)`.
  public static func eventfd2(count: UInt32 = 0, flags: Int32 = 0, cookie: UInt64 = 0) -> Self {
    Self(.eventfd2, UInt64(count), word(flags), cookie: cookie)
  }

  /// `fcntl(2)`; waits with F_SETLKW.
  public static func fcntl(_ descriptor: Int32, command: Int32, argument: UInt64 = 0, cookie: UInt64 = 0) -> Self {
    Self(.fcntl, word(descriptor), word(command), argument, cookie: cookie)
  }

  /// `ioctl(2)`, by a helper thread.
  public static func ioctl(_ descriptor: Int32, request: UInt64, argument: UInt64 = 0, cookie: UInt64 = 0) -> Self {
    Self(.ioctl, word(descriptor), request, argument, cookie: cookie)
  }

  /// `ppoll(2)` of `count` `struct pollfd`; `timeout` points to a `struct timespec`.
  public static func ppoll(
    _ descriptors: UnsafeMutableRawPointer, count: UInt32, timeout: UnsafeRawPointer? = nil, cookie: UInt64 = 0
  ) -> Self {
    unsafe Self(.ppoll, word(descriptors), UInt64(count), word(timeout), 0, 0, cookie: cookie)
  }

  /// `epoll_create1(2)`.
  public static func epoll_create1(flags: Int32 = 0, cookie: UInt64 = 0) -> Self {
    Self(.epoll_create1, word(flags), cookie: cookie)
  }

  /// `epoll_ctl(2)`.
  public static func epoll_ctl(
    _ descriptor: Int32, operation: Int32, of other: Int32, event: UnsafeRawPointer?, cookie: UInt64 = 0
  ) -> Self {
    unsafe Self(.epoll_ctl, word(descriptor), word(operation), word(other), word(event), cookie: cookie)
  }

  /// `epoll_pwait(2)`; waits for ever if `milliseconds` is negative.
  public static func epoll_pwait(
    _ descriptor: Int32, into events: UnsafeMutableRawPointer, count: Int32, milliseconds: Int32, cookie: UInt64 = 0
  ) -> Self {
    unsafe Self(.epoll_pwait, word(descriptor), word(events), word(count), word(milliseconds), 0, 0, cookie: cookie)
  }

  /// `inotify_add_watch(2)`.
  public static func inotify_add_watch(
    _ descriptor: Int32, _ path: UnsafePointer<CChar>, mask: UInt32, cookie: UInt64 = 0
  ) -> Self {
    unsafe Self(.inotify_add_watch, word(descriptor), word(path), UInt64(mask), cookie: cookie)
  }
}
