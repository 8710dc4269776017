// The calls for reading, writing and opening files, by the names of their manual pages.
// Pointers must stay valid until the call has completed.

extension SystemCall {
  /// `read(2)` into `buffer`.
  public static func read(_ descriptor: Int32, into buffer: UnsafeMutableRawBufferPointer, cookie: UInt64 = 0) -> Self {
    unsafe Self(.read, word(descriptor), word(buffer.baseAddress), UInt64(buffer.count), cookie: cookie)
  }

  /// `write(2)` of `buffer`.
  public static func write(_ descriptor: Int32, from buffer: UnsafeRawBufferPointer, cookie: UInt64 = 0) -> Self {
    unsafe Self(.write, word(descriptor), word(buffer.baseAddress), UInt64(buffer.count), cookie: cookie)
  }

  /// `pread64(2)` into `buffer` from a position in bytes.
  public static func pread64(
    _ descriptor: Int32, into buffer: UnsafeMutableRawBufferPointer, at offset: Int64, cookie: UInt64 = 0
  ) -> Self {
    unsafe Self(
      .pread64, word(descriptor), word(buffer.baseAddress), UInt64(buffer.count), UInt64(bitPattern: offset),
      cookie: cookie)
  }

  /// `pwrite64(2)` of `buffer` at a position in bytes.
  public static func pwrite64(
    _ descriptor: Int32, from buffer: UnsafeRawBufferPointer, at offset: Int64, cookie: UInt64 = 0
  ) -> Self {
    unsafe Self(
      .pwrite64, word(descriptor), word(buffer.baseAddress), UInt64(buffer.count), UInt64(bitPattern: offset),
      cookie: cookie)
  }

  /// `readv(2)` into `count` buffers; `buffers` points to an array of `struct iovec`.
  public static func readv(_ descriptor: Int32, buffers: UnsafeRawPointer, count: Int32, cookie: UInt64 = 0) -> Self {
    unsafe Self(.readv, word(descriptor), word(buffers), word(count), cookie: cookie)
  }

  /// `writev(2)` of `count` buffers; `buffers` points to an array of `struct iovec`.
  public static func writev(_ descriptor: Int32, buffers: UnsafeRawPointer, count: Int32, cookie: UInt64 = 0) -> Self {
    unsafe Self(.writev, word(descriptor), word(buffers), word(count), cookie: cookie)
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

  /// `lseek(2)` to `offset` bytes from what `whence` says.
  public static func lseek(_ descriptor: Int32, offset: Int64, whence: Int32, cookie: UInt64 = 0) -> Self {
    Self(.lseek, word(descriptor), UInt64(bitPattern: offset), word(whence), cookie: cookie)
  }

  /// `fsync(2)` to the device.
  public static func fsync(_ descriptor: Int32, cookie: UInt64 = 0) -> Self {
    Self(.fsync, word(descriptor), cookie: cookie)
  }

  /// `fdatasync(2)`: the data, and only what is needed to find it.
  public static func fdatasync(_ descriptor: Int32, cookie: UInt64 = 0) -> Self {
    Self(.fdatasync, word(descriptor), cookie: cookie)
  }

  /// `fallocate(2)` of `length` bytes.
  public static func fallocate(_ descriptor: Int32, mode: Int32 = 0, offset: Int64, length: Int64, cookie: UInt64 = 0)
    -> Self
  {
    Self(
      .fallocate, word(descriptor), word(mode), UInt64(bitPattern: offset), UInt64(bitPattern: length), cookie: cookie)
  }

  /// `ftruncate(2)` to `length` bytes.
  public static func ftruncate(_ descriptor: Int32, length: Int64, cookie: UInt64 = 0) -> Self {
    Self(.ftruncate, word(descriptor), UInt64(bitPattern: length), cookie: cookie)
  }

  /// `fstat(2)` into a `struct stat`.
  public static func fstat(_ descriptor: Int32, into status: UnsafeMutableRawPointer, cookie: UInt64 = 0) -> Self {
    unsafe Self(.fstat, word(descriptor), word(status), cookie: cookie)
  }

  /// `flock(2)`; waits for the lock unless told LOCK_NB.
  public static func flock(_ descriptor: Int32, operation: Int32, cookie: UInt64 = 0) -> Self {
    Self(.flock, word(descriptor), word(operation), cookie: cookie)
  }

  /// `sendfile(2)` of `count` bytes; `place` points to the position to read from, an `off_t`.
  public static func sendfile(
    to target: Int32, from source: Int32, offset place: UnsafeMutableRawPointer? = nil, count: UInt64,
    cookie: UInt64 = 0
  ) -> Self {
    unsafe Self(.sendfile, word(target), word(source), word(place), count, cookie: cookie)
  }

  /// `copy_file_range(2)` of `count` bytes, from position to position.
  public static func copy_file_range(from source: Int32, to target: Int32, count: UInt64, cookie: UInt64 = 0) -> Self {
    Self(.copy_file_range, word(source), 0, word(target), 0, count, 0, cookie: cookie)
  }

  /// `splice(2)` of `count` bytes, one of the two a pipe.
  public static func splice(from source: Int32, to target: Int32, count: UInt64, flags: UInt32 = 0, cookie: UInt64 = 0)
    -> Self
  {
    Self(.splice, word(source), 0, word(target), 0, count, UInt64(flags), cookie: cookie)
  }
}
