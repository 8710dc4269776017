internal import CFibril

// Names for the system call numbers that the runtime itself knows, from <asm/unistd.h>, so that they
// are right on every architecture.

extension SystemCall.Number {
  public static let read = Self(rawValue: Int32(SYS_read))
  public static let write = Self(rawValue: Int32(SYS_write))
  public static let close = Self(rawValue: Int32(SYS_close))
  public static let fstat = Self(rawValue: Int32(SYS_fstat))
  public static let nanosleep = Self(rawValue: Int32(SYS_nanosleep))
  public static let getpid = Self(rawValue: Int32(SYS_getpid))
  public static let openat = Self(rawValue: Int32(SYS_openat))
  public static let newfstatat = Self(rawValue: Int32(SYS_newfstatat))
  public static let getdents64 = Self(rawValue: Int32(SYS_getdents64))
  public static let pread64 = Self(rawValue: Int32(SYS_pread64))
  public static let pwrite64 = Self(rawValue: Int32(SYS_pwrite64))
  public static let recvfrom = Self(rawValue: Int32(SYS_recvfrom))
  public static let recvmsg = Self(rawValue: Int32(SYS_recvmsg))
  public static let sendto = Self(rawValue: Int32(SYS_sendto))
  public static let eventfd2 = Self(rawValue: Int32(SYS_eventfd2))
}
