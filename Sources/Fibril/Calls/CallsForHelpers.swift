internal import CFibril
internal import Glibc

// Calls for which a helper is needed although there is another way: io_uring would not do what the bare
// call does, or what is done in turn otherwise would wait.

extension TaskRef {
  /// Whether io_uring, which has the operation, is not to do it.
  func isForHelpers(_ call: SystemCall) -> Bool {
    let descriptor = call.arguments.0
    switch call.number.rawValue {
    // Not by a helper only because of the surroundings: what is read may be this thread's own signals.
    case SYS_read, SYS_readv: return isOnFileThatMayHang(descriptor) || fibril_socket_gives_up(descriptor, true)
    case SYS_write, SYS_writev:
      return pointee.hasLeftSurroundings || isOnFileThatMayHang(descriptor)
        || fibril_socket_gives_up(descriptor, false)
    case SYS_recvfrom, SYS_recvmsg, SYS_accept, SYS_accept4:
      return pointee.hasLeftSurroundings || fibril_socket_gives_up(descriptor, true)
    case SYS_sendto, SYS_sendmsg, SYS_connect:
      return pointee.hasLeftSurroundings || fibril_socket_gives_up(descriptor, false)
    case SYS_pread64, SYS_pwrite64, SYS_preadv, SYS_pwritev:
      return pointee.hasLeftSurroundings || isOnFileThatMayHang(descriptor)
    // Names, and files as such. io_uring has few workers for them, and one that hangs is missed by all.
    default: return pointee.hasLeftSurroundings || pointee.inlineCalls.filesMayHang
    }
  }

  private func isOnFileThatMayHang(_ descriptor: UInt64) -> Bool {
    pointee.inlineCalls.filesMayHang && fibril_is_file(descriptor)
  }

  /// After a call that changes what helpers inherit. io_uring's workers are not replaced: those that are
  /// there look names up where they were made, and a filter of system calls does not see what they do.
  func noteSurroundings(_ call: SystemCall) {
    switch call.number.rawValue {
    case SYS_unshare, SYS_setns, SYS_close_range: pointee.hasLeftSurroundings = true
    case SYS_seccomp where call.arguments.0 <= 1: pointee.hasLeftSurroundings = true  // which set a filter
    case SYS_prctl where call.arguments.0 == 22:  // PR_SET_SECCOMP
      pointee.hasLeftSurroundings = true
    default: break
    }
  }
}
