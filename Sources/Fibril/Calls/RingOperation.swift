internal import CFibril
internal import Glibc

/// A system call in io_uring's terms: the fields of a submission queue entry.
struct RingOperation {
  var code: UInt8
  var descriptor: Int32
  var offset: UInt64 = 0
  var address: UInt64 = 0
  var length: UInt32 = 0
  var flags: UInt32 = 0

  /// `O_PATH`, the same on every architecture.
  private static let pathOnly: Int32 = 0o10_000_000

  /// `UIO_MAXIOV`; the operation would look at the lower 32 bits of a larger number only.
  private static let mostBuffers: UInt64 = 1024

  /// Reads and writes at the file's own position.
  private static let atPosition = UInt64.max

  /// nil: io_uring has no such operation, or not with these arguments.
  init?(_ call: SystemCall) {
    let (a, b, c, d, e, f) = call.arguments
    let descriptor = Int32(truncatingIfNeeded: a)
    let length = UInt32(truncatingIfNeeded: c)
    switch call.number.rawValue {
    case SYS_read where InlineCalls.isTransfer(c): self.init(IORING_OP_READ, descriptor, Self.atPosition, b, length)
    case SYS_write where InlineCalls.isTransfer(c): self.init(IORING_OP_WRITE, descriptor, Self.atPosition, b, length)
    case SYS_pread64 where InlineCalls.isTransfer(c) && Int64(bitPattern: d) >= 0 && Self.hasPosition(descriptor):
      self.init(IORING_OP_READ, descriptor, d, b, length)
    case SYS_pwrite64 where InlineCalls.isTransfer(c) && Int64(bitPattern: d) >= 0 && Self.hasPosition(descriptor):
      self.init(IORING_OP_WRITE, descriptor, d, b, length)
    case SYS_readv where c <= Self.mostBuffers: self.init(IORING_OP_READV, descriptor, Self.atPosition, b, length)
    // Into a pipe or socket it could end early, and what is left of a vector is not easily told again.
    case SYS_writev where c <= Self.mostBuffers && Self.hasPosition(descriptor):
      self.init(IORING_OP_WRITEV, descriptor, Self.atPosition, b, length)
    case SYS_preadv where c <= Self.mostBuffers && Int64(bitPattern: d) >= 0 && Self.hasPosition(descriptor):
      self.init(IORING_OP_READV, descriptor, d, b, length)
    case SYS_pwritev where c <= Self.mostBuffers && Int64(bitPattern: d) >= 0 && Self.hasPosition(descriptor):
      self.init(IORING_OP_WRITEV, descriptor, d, b, length)
    case SYS_fsync: self.init(IORING_OP_FSYNC, descriptor)
    case SYS_fdatasync: self.init(IORING_OP_FSYNC, descriptor, flags: UInt32(IORING_FSYNC_DATASYNC))
    case SYS_openat:
      self.init(IORING_OP_OPENAT, descriptor, 0, b, UInt32(truncatingIfNeeded: d), flags: length)
    case SYS_statx:
      self.init(IORING_OP_STATX, descriptor, e, b, UInt32(truncatingIfNeeded: d), flags: length)
    case SYS_accept: self.init(IORING_OP_ACCEPT, descriptor, c, b)
    case SYS_accept4: self.init(IORING_OP_ACCEPT, descriptor, c, b, flags: UInt32(truncatingIfNeeded: d))
    case SYS_connect: self.init(IORING_OP_CONNECT, descriptor, c, b)
    case SYS_sendto where e == 0 && c <= Int32.max:
      self.init(IORING_OP_SEND, descriptor, 0, b, length, flags: Self.sendingAll(UInt32(truncatingIfNeeded: d)))
    // Before Linux 5.19 MSG_WAITALL ends with the first part.
    case SYS_recvfrom where e == 0 && f == 0 && c <= Int32.max:
      self.init(IORING_OP_RECV, descriptor, 0, b, length, flags: UInt32(truncatingIfNeeded: d))
    case SYS_sendmsg: self.init(IORING_OP_SENDMSG, descriptor, 0, b, 1, flags: Self.sendingAll(length))
    case SYS_recvmsg: self.init(IORING_OP_RECVMSG, descriptor, 0, b, 1, flags: length)
    case SYS_fallocate: self.init(IORING_OP_FALLOCATE, descriptor, c, d, UInt32(truncatingIfNeeded: b))
    case SYS_unlinkat: self.init(IORING_OP_UNLINKAT, descriptor, 0, b, flags: length)
    case SYS_mkdirat: self.init(IORING_OP_MKDIRAT, descriptor, 0, b, length)
    case SYS_renameat2:
      self.init(IORING_OP_RENAMEAT, descriptor, d, b, length, flags: UInt32(truncatingIfNeeded: e))
    default: return nil
    }
  }

  init(
    code: UInt8, descriptor: Int32, offset: UInt64 = 0, address: UInt64 = 0, length: UInt32 = 0, flags: UInt32 = 0
  ) {
    self.code = code
    self.descriptor = descriptor
    self.offset = offset
    self.address = address
    self.length = length
    self.flags = flags
  }

  private init(
    _ operation: io_uring_op, _ descriptor: Int32, _ offset: UInt64 = 0, _ address: UInt64 = 0, _ length: UInt32 = 0,
    flags: UInt32 = 0
  ) {
    self.init(
      code: UInt8(operation.rawValue), descriptor: descriptor, offset: offset, address: address, length: length,
      flags: flags)
  }

  /// Flags with which a send, like the bare call, goes on until all is sent.
  private static func sendingAll(_ flags: UInt32) -> UInt32 {
    flags & UInt32(MSG_DONTWAIT) == 0 ? flags | UInt32(MSG_WAITALL) : flags
  }

  /// Whether the file has a position: io_uring reads from a pipe or socket wherever it is told to, where
  /// the bare call fails.
  private static func hasPosition(_ descriptor: Int32) -> Bool {
    fibril_system_call(
      Int64(SYS_lseek), UInt64(bitPattern: Int64(descriptor)), 0, UInt64(SEEK_CUR), 0, 0, 0) != -Int64(ESPIPE)
  }

  /// Whether the call is about a descriptor whose calls do not wait (`O_NONBLOCK`). io_uring waits
  /// nevertheless; so such a call is made in turn.
  static func refusesToWait(_ call: SystemCall) -> Bool {
    switch call.number.rawValue {
    case SYS_read, SYS_write, SYS_readv, SYS_writev, SYS_accept, SYS_accept4, SYS_connect, SYS_sendto, SYS_recvfrom,
      SYS_sendmsg, SYS_recvmsg:
      return InlineCalls.refusesToWait(call.arguments.0)
    default: return false
    }
  }

  /// Whether nothing but a directory is opened, or nothing at all (`O_PATH`), and nothing made: no party
  /// besides a file system has a say in that. `O_TMPFILE` has the bit of `O_DIRECTORY` too.
  static func opensDirectory(_ call: SystemCall) -> Bool {
    let flags = Int32(truncatingIfNeeded: call.arguments.2)
    return flags & (O_DIRECTORY | pathOnly) != 0 && flags & (O_CREAT | temporaryFile) == 0
  }

  /// Of `O_TMPFILE`, without the bit of `O_DIRECTORY`; the same on every architecture.
  private static let temporaryFile: Int32 = 0o20_000_000

  /// Whether the flags of an open say that it waits for no other party, whatever is opened.
  static func opensAtOnce(_ call: SystemCall) -> Bool {
    Int32(truncatingIfNeeded: call.arguments.2) & (O_DIRECTORY | pathOnly | O_NONBLOCK) != 0
  }
}
