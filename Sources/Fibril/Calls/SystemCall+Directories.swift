// The calls for names and what they lead to, by the names of their manual pages.
// Pointers must stay valid until the call has completed.

extension SystemCall {
  /// `newfstatat(2)` into a `struct stat`.
  public static func newfstatat(
    _ directory: Int32, _ path: UnsafePointer<CChar>, into status: UnsafeMutableRawPointer, flags: Int32,
    cookie: UInt64 = 0
  ) -> Self {
    unsafe Self(.newfstatat, word(directory), word(path), word(status), word(flags), cookie: cookie)
  }

  /// `statx(2)` into a `struct statx` of what `mask` asks for.
  public static func statx(
    _ directory: Int32, _ path: UnsafePointer<CChar>, flags: Int32, mask: UInt32, into status: UnsafeMutableRawPointer,
    cookie: UInt64 = 0
  ) -> Self {
    unsafe Self(.statx, word(directory), word(path), word(flags), UInt64(mask), word(status), cookie: cookie)
  }

  /// `getdents64(2)` of entries, each a `struct linux_dirent64`.
  public static func getdents64(_ descriptor: Int32, into buffer: UnsafeMutableRawBufferPointer, cookie: UInt64 = 0)
    -> Self
  {
    unsafe Self(.getdents64, word(descriptor), word(buffer.baseAddress), UInt64(buffer.count), cookie: cookie)
  }

  /// `mkdirat(2)` with the permissions `mode`.
  public static func mkdirat(_ directory: Int32, _ path: UnsafePointer<CChar>, mode: UInt32, cookie: UInt64 = 0) -> Self
  {
    unsafe Self(.mkdirat, word(directory), word(path), UInt64(mode), cookie: cookie)
  }

  /// `unlinkat(2)`; a directory with AT_REMOVEDIR.
  public static func unlinkat(_ directory: Int32, _ path: UnsafePointer<CChar>, flags: Int32 = 0, cookie: UInt64 = 0)
    -> Self
  {
    unsafe Self(.unlinkat, word(directory), word(path), word(flags), cookie: cookie)
  }

  /// `renameat2(2)`.
  public static func renameat2(
    _ oldDirectory: Int32, _ oldPath: UnsafePointer<CChar>, _ newDirectory: Int32, _ newPath: UnsafePointer<CChar>,
    flags: UInt32 = 0, cookie: UInt64 = 0
  ) -> Self {
    unsafe Self(
      .renameat2, word(oldDirectory), word(oldPath), word(newDirectory), word(newPath), UInt64(flags), cookie: cookie)
  }

  /// `linkat(2)`: a second name.
  public static func linkat(
    _ oldDirectory: Int32, _ oldPath: UnsafePointer<CChar>, _ newDirectory: Int32, _ newPath: UnsafePointer<CChar>,
    flags: Int32 = 0, cookie: UInt64 = 0
  ) -> Self {
    unsafe Self(
      .linkat, word(oldDirectory), word(oldPath), word(newDirectory), word(newPath), word(flags), cookie: cookie)
  }

  /// `symlinkat(2)`: a name that leads to `target`.
  public static func symlinkat(
    _ target: UnsafePointer<CChar>, _ directory: Int32, _ path: UnsafePointer<CChar>, cookie: UInt64 = 0
  ) -> Self {
    unsafe Self(.symlinkat, word(target), word(directory), word(path), cookie: cookie)
  }

  /// `readlinkat(2)` into `buffer`, without a NUL.
  public static func readlinkat(
    _ directory: Int32, _ path: UnsafePointer<CChar>, into buffer: UnsafeMutableRawBufferPointer, cookie: UInt64 = 0
  ) -> Self {
    unsafe Self(
      .readlinkat, word(directory), word(path), word(buffer.baseAddress), UInt64(buffer.count), cookie: cookie)
  }

  /// `faccessat2(2)`.
  public static func faccessat2(
    _ directory: Int32, _ path: UnsafePointer<CChar>, mode: Int32, flags: Int32 = 0, cookie: UInt64 = 0
  ) -> Self {
    unsafe Self(.faccessat2, word(directory), word(path), word(mode), word(flags), cookie: cookie)
  }

  /// `fchmodat(2)`.
  public static func fchmodat(_ directory: Int32, _ path: UnsafePointer<CChar>, mode: UInt32, cookie: UInt64 = 0)
    -> Self
  {
    unsafe Self(.fchmodat, word(directory), word(path), UInt64(mode), cookie: cookie)
  }

  /// `fchownat(2)`.
  public static func fchownat(
    _ directory: Int32, _ path: UnsafePointer<CChar>, user: UInt32, group: UInt32, flags: Int32 = 0, cookie: UInt64 = 0
  ) -> Self {
    unsafe Self(.fchownat, word(directory), word(path), UInt64(user), UInt64(group), word(flags), cookie: cookie)
  }

  /// `utimensat(2)`; `times` points to two `struct timespec`, nil: now.
  public static func utimensat(
    _ directory: Int32, _ path: UnsafePointer<CChar>, times: UnsafeRawPointer?, flags: Int32 = 0, cookie: UInt64 = 0
  ) -> Self {
    unsafe Self(.utimensat, word(directory), word(path), word(times), word(flags), cookie: cookie)
  }

  /// `mknodat(2)`; with S_IFIFO a FIFO.
  public static func mknodat(
    _ directory: Int32, _ path: UnsafePointer<CChar>, mode: UInt32, device: UInt64 = 0, cookie: UInt64 = 0
  ) -> Self {
    unsafe Self(.mknodat, word(directory), word(path), UInt64(mode), device, cookie: cookie)
  }
}
