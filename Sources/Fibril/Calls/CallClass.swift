internal import CFibril
internal import Glibc

/// How a system call is run; `CallClass+Numbers.swift` says which is which, for every number.
enum CallClass: UInt8 {
  /// In turn, on the task's thread: it never waits for another party, or its result or effect belongs
  /// to the calling thread.
  case inline
  /// In turn, and helpers made before are replaced: it changes what they have inherited from the thread.
  case identity
  /// In turn as long as its last ones came back at once and no file system is mounted that may hang,
  /// else by a helper: names and descriptors on local file systems, which wait for a disk at worst.
  case watched
  /// Likewise, unless what is closed waits by itself for its other end or its device.
  case closing
  /// Through io_uring, or by a helper where there is none; what can be done without waiting is done in
  /// turn before that.
  case ring
  /// By the task's own timers.
  case timer
  /// By a helper thread of the task.
  case helper
  /// Inline or by a helper, or not at all, as its arguments say.
  case byArguments
  /// Not at all: it would break the task, or what it is about is the thread that goes on meanwhile. Its
  /// result is -EOPNOTSUPP.
  case refused

  /// The highest number that the lists were made for: Linux 6.19, <asm/unistd.h>. What is newer runs
  /// inline, where at least it has the caller's identity.
  static let lastKnown = 470

  /// By number; nil: in no list.
  static let explicit: [CallClass?] = {
    var classes = [CallClass?](repeating: nil, count: lastKnown + 1)
    for (callClass, numbers) in lists {
      for number in numbers {
        precondition(classes[Int(number)] == nil, "system call \(number) has two classes")
        classes[Int(number)] = callClass
      }
    }
    return classes
  }()

  init(_ number: SystemCall.Number) {
    let number = Int(number.rawValue)
    self = number >= 0 && number <= Self.lastKnown ? Self.explicit[number] ?? .inline : .inline
  }

  /// For a call of the class `byArguments`: what it is.
  static func resolve(_ call: SystemCall) -> CallClass {
    let (_, b, c, d, _, _) = call.arguments
    switch call.number.rawValue {
    case SYS_fcntl:
      // Locks wait, for their owner or for a server.
      switch Int32(truncatingIfNeeded: b) {
      case F_GETLK, F_SETLK, F_SETLKW, openFileLocks.lowerBound...openFileLocks.upperBound: return .helper
      default: return .inline
      }
    case SYS_futex:
      switch Int32(truncatingIfNeeded: b) & futexCommand {
      case FUTEX_WAIT, FUTEX_WAIT_BITSET: return .helper
      // The lock would be the helper's.
      case FUTEX_LOCK_PI, FUTEX_LOCK_PI2, FUTEX_WAIT_REQUEUE_PI: return .refused
      default: return .inline
      }
    // Then the table of descriptors is changed for this thread alone.
    case SYS_close_range: return c & closeRangeUnshares != 0 ? .identity : .helper
    // KEY_SPEC_THREAD_KEYRING
    case SYS_add_key: return Int32(truncatingIfNeeded: call.arguments.4) == -1 ? .inline : .helper
    case SYS_rt_sigtimedwait: return .helper
    case SYS_wait4: return c & UInt64(WNOHANG) != 0 ? .inline : .helper
    case SYS_waitid: return d & UInt64(WNOHANG) != 0 ? .inline : .helper
    case SYS_ptrace:
      // The tracer is the thread that attaches, so every request is its own; to be traced would stop it.
      return call.arguments.0 == 0 ? .refused : .inline
    default:
      #if arch(x86_64)
        // Where the thread-local memory lies.
        if call.number.rawValue == SYS_arch_prctl {
          return (0x1001...0x1002).contains(call.arguments.0) ? .refused : .inline
        }
        if call.number.rawValue == SYS_poll { return c == 0 ? .inline : .helper }
        if call.number.rawValue == SYS_epoll_wait { return d == 0 ? .inline : .helper }
      #endif
      // epoll_pwait, whose mask has a meaning only while it waits.
      return d == 0 && call.arguments.4 == 0 ? .inline : .helper
    }
  }

  /// `F_OFD_GETLK` to `F_OFD_SETLKW`.
  private static let openFileLocks: ClosedRange<Int32> = 36...38
  /// `CLOSE_RANGE_UNSHARE`.
  private static let closeRangeUnshares: UInt64 = 2
  /// `FUTEX_CMD_MASK`.
  private static let futexCommand: Int32 = 127
  private static let (FUTEX_WAIT, FUTEX_LOCK_PI, FUTEX_WAIT_BITSET): (Int32, Int32, Int32) = (0, 6, 9)
  private static let (FUTEX_WAIT_REQUEUE_PI, FUTEX_LOCK_PI2): (Int32, Int32) = (11, 13)
}
