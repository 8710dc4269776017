// A system call with its arguments, as a programmer would write it.
internal import Inspection
internal import TraceEvents

enum CallArguments {
  /// What of the memory that a call's arguments point at is worth having.
  static func pointed(_ call: UInt32, _ arguments: [UInt64]) -> [PointedRange] {
    guard let index = pathArgument(of: call), arguments.indices.contains(index) else { return [] }
    return [PointedRange(argument: index, address: arguments[index], bytes: 256)]
  }

  /// Which argument of a call is a path, from 0; nil if none is.
  static func pathArgument(of call: UInt32) -> Int? { paths[call] }

  private static let paths = numbers([
    """
    open stat lstat access execve truncate chdir rename mkdir rmdir creat link unlink symlink readlink chmod chown \
    lchown statfs chroot mount umount2 setxattr getxattr listxattr
    """,
    """
    openat mkdirat mknodat fchownat newfstatat unlinkat renameat linkat readlinkat fchmodat faccessat utimensat statx \
    openat2 faccessat2 execveat renameat2 inotify_add_watch
    """,
  ])

  /// How many arguments the commonest calls take; of `open` and `openat`, the mode is left out.
  private static let counts = numbers([
    "sched_yield pause getpid gettid getppid sync",
    "close fsync fdatasync exit exit_group rmdir chdir dup pipe epoll_create1 brk umask times uname unlink",
    """
    open stat fstat lstat nanosleep munmap access rename mkdir creat link symlink kill ftruncate truncate dup2 pipe2 listen \
    shutdown flock gettimeofday getrlimit setrlimit getrusage clock_gettime clock_getres statfs fstatfs eventfd2 \
    timerfd_create timerfd_gettime rt_sigsuspend tkill io_uring_setup memfd_create sigaltstack umount2
    """,
    """
    read write openat poll lseek mprotect ioctl readv writev msync madvise mincore socket connect accept bind getsockname \
    getpeername sendmsg recvmsg execve fcntl getdents getdents64 readlink chown mkdirat unlinkat faccessat tgkill futex_wake \
    dup3 semop getrandom sched_setaffinity sched_getaffinity close_range inotify_add_watch
    """,
    """
    pread64 pwrite64 newfstatat readlinkat fchmodat wait4 rt_sigaction rt_sigprocmask sendfile socketpair \
    accept4 epoll_wait epoll_ctl fallocate clock_nanosleep timerfd_settime prlimit64 renameat openat2 rt_sigtimedwait \
    semtimedop utimensat signalfd4 tee fadvise64
    """,
    "select setsockopt getsockopt mremap linkat fchownat statx ppoll preadv pwritev prctl waitid recvmmsg renameat2 execveat",
    "",
  ])

  /// By system call number: the index of the text that has its name.
  private static func numbers(_ texts: [String]) -> [UInt32: Int] {
    var indices: [Substring: Int] = [:]
    for (index, text) in texts.enumerated() {
      for name in text.split(separator: " ") { indices[name] = index }
    }
    var result: [UInt32: Int] = [:]
    for number in UInt32(0)..<512 {
      guard let name = SystemCallNames.name(of: number), let index = indices[Substring(name)] else { continue }
      result[number] = index
    }
    return result
  }

  /// `openat(AT_FDCWD, "/usr/share", 0x10000)`: small numbers as numbers, all others in hexadecimal.
  /// Of calls whose number of arguments is not known here, zeros at the end are left out.
  static func append(call number: UInt32, _ arguments: [UInt64], _ pointed: [PointedBytes], to text: inout ByteText) {
    if let name = SystemCallNames.name(of: number) {
      text.append(own: name)
    } else {
      text.append("system call ")
      text.append(decimal: UInt64(number))
    }
    text.append("(")
    let pathArgument = pathArgument(of: number)
    let path = pointed.first { $0.argument == pathArgument }.map {
      String(decoding: $0.bytes.prefix { $0 != 0 }, as: UTF8.self)
    }
    let given = arguments.prefix(counts[number] ?? arguments.lastIndex { $0 != 0 }.map { $0 + 1 } ?? 0)
    for (index, argument) in given.enumerated() {
      if index > 0 { text.append(", ") }
      if index == pathArgument, let path {
        text.append("\"")
        text.append(foreign: path)
        text.append("\"")
      } else if index == 0, Int32(truncatingIfNeeded: argument) == -100, Self.pathArgument(of: number) == 1 {
        text.append("AT_FDCWD")
      } else {
        append(argument, to: &text)
      }
    }
    text.append(")")
  }

  private static func append(_ argument: UInt64, to text: inout ByteText) {
    let signed = Int64(Int32(truncatingIfNeeded: argument))
    if argument < 10_000 {
      text.append(decimal: argument)
    } else if signed < 0, signed > -10_000, argument == UInt64(bitPattern: signed) || argument >> 32 == 0 {
      text.append("-")
      text.append(decimal: UInt64(-signed))
    } else {
      text.append(hexadecimal: argument)
    }
  }
}
