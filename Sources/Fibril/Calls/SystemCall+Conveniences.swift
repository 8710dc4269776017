internal import Glibc

// The commonest calls, by name. Pointers must stay valid until the call has completed.

extension SystemCall {
  /// `read(2)` into `buffer`.
  public static func read(_ descriptor: Int32, into buffer: UnsafeMutableRawBufferPointer, cookie: UInt64 = 0) -> Self {
    unsafe Self(.read, word(descriptor), word(buffer.baseAddress), UInt64(buffer.count), cookie: cookie)
  }

  /// `write(2)` of `buffer`.
  public static func write(_ descriptor: Int32, from buffer: UnsafeRawBufferPointer, cookie: UInt64 = 0) -> Self {
    unsafe Self(.write, word(descriptor), word(buffer.baseAddress), UInt64(buffer.count), cookie: cookie)
  }

  /// `openat(2)`; `path` is NUL-terminated, `flags` and `mode` as in <fcntl.h>.
  public static func openat(
    _ directory: Int32, _ path: UnsafePointer<CChar>, flags: Int32, mode: UInt32 = 0, cookie: UInt64 = 0
  ) -> Self {
    unsafe Self(.openat, word(directory), word(path), word(flags), UInt64(mode), cookie: cookie)
  }

  /// `close(2)`.
  public static func close(_ descriptor: Int32, cookie: UInt64 = 0) -> Self {
    Self(.close, word(descriptor), cookie: cookie)
  }

  /// `fstat(2)` into a `struct stat`.
  public static func fstat(_ descriptor: Int32, into status: UnsafeMutableRawPointer, cookie: UInt64 = 0) -> Self {
    unsafe Self(.fstat, word(descriptor), word(status), cookie: cookie)
  }

  /// `newfstatat(2)` into a `struct stat`.
  public static func newfstatat(
    _ directory: Int32, _ path: UnsafePointer<CChar>, into status: UnsafeMutableRawPointer, flags: Int32,
    cookie: UInt64 = 0
  ) -> Self {
    unsafe Self(.newfstatat, word(directory), word(path), word(status), word(flags), cookie: cookie)
  }

  /// `getdents64(2)`.
  public static func getdents64(
    _ descriptor: Int32, into buffer: UnsafeMutableRawBufferPointer, cookie: UInt64 = 0
  ) -> Self {
    unsafe Self(.getdents64, word(descriptor), word(buffer.baseAddress), UInt64(buffer.count), cookie: cookie)
  }

  /// `nanosleep(2)`; `time` points to a `struct timespec`.
  public static func nanosleep(_ time: UnsafeRawPointer, cookie: UInt64 = 0) -> Self {
    unsafe Self(.nanosleep, word(time), 0, cookie: cookie)
  }

  private static func word(_ pointer: UnsafeRawPointer?) -> UInt64 { UInt64(UInt(bitPattern: pointer)) }

  /// Sign-extended, as a C caller passes an int.
  private static func word(_ number: Int32) -> UInt64 { UInt64(bitPattern: Int64(number)) }
}
