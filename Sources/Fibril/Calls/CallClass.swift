internal import CFibril

/// How a system call is run; the one place that says so for every number.
enum CallClass: Equatable {
  /// In turn, on the task's thread: it never waits for another party, or its result or effect belongs
  /// to the calling thread.
  case inline
  /// In turn, and helpers made before are replaced: it changes what they have inherited from the thread.
  case identity
  /// In turn as long as its last ones came back at once, else by a helper: names on local file
  /// systems, which wait for a disk at worst.
  case watched
  /// Through io_uring, or by a helper where there is none.
  case ring
  /// By the task's own timers.
  case timer
  /// By a helper thread of the task.
  case helper
  /// Not at all: it would break the task. Its result is -EOPNOTSUPP.
  case refused

  /// The highest number that this list was made for: Linux 6.18, <asm/unistd.h>. What is newer runs
  /// inline, where at least it has the caller's identity.
  static let lastKnown = 470

  init(_ number: SystemCall.Number) {
    let number = Int(number.rawValue)
    if Self.refusedNumbers.contains(number) {
      self = .refused
    } else if Self.ringNumbers.contains(number) {
      self = .ring
    } else if number == Int(SYS_nanosleep) || number == Int(SYS_clock_nanosleep) {
      self = .timer
    } else if Self.watchedNumbers.contains(number) {
      self = .watched
    } else if Self.identityNumbers.contains(number) {
      self = .identity
    } else if Self.inlineNumbers.contains(number) || number > Self.lastKnown || number < 0 {
      self = .inline
    } else {
      self = .helper
    }
  }

  private static let refusedNumbers = numbers(
    [
      SYS_exit, SYS_exit_group, SYS_clone, SYS_clone3, SYS_execve, SYS_execveat, SYS_rt_sigreturn, SYS_ptrace,
      SYS_set_tid_address, SYS_set_robust_list, SYS_rseq,
    ] + refusedHere)

  // What only this architecture has. fork and vfork would go on in the child as the thread that
  // runs the call, behind the library's back; the others are the calling thread's own.
  #if arch(x86_64)
    private static let refusedHere = [SYS_fork, SYS_vfork]
    private static let inlineHere = [SYS_arch_prctl, SYS_ioperm, SYS_iopl]
  #else
    private static let refusedHere: [CInt] = []
    private static let inlineHere: [CInt] = []
  #endif

  private static let ringNumbers = numbers([
    SYS_read, SYS_write, SYS_readv, SYS_writev, SYS_pread64, SYS_pwrite64, SYS_preadv, SYS_pwritev, SYS_fsync,
    SYS_fdatasync, SYS_openat, SYS_statx, SYS_accept, SYS_accept4, SYS_connect, SYS_sendto, SYS_recvfrom, SYS_sendmsg,
    SYS_recvmsg, SYS_fallocate, SYS_unlinkat, SYS_renameat2, SYS_mkdirat,
  ])

  private static let watchedNumbers = numbers([
    SYS_fstat, SYS_newfstatat, SYS_getdents64, SYS_readlinkat, SYS_faccessat, SYS_faccessat2, SYS_fstatfs,
  ])

  /// Credentials, namespaces, sandboxes, scheduling: what a new thread inherits from its maker.
  private static let identityNumbers = numbers([
    SYS_setuid, SYS_setgid, SYS_setreuid, SYS_setregid, SYS_setresuid, SYS_setresgid, SYS_setgroups, SYS_setfsuid,
    SYS_setfsgid, SYS_capset, SYS_prctl, SYS_seccomp, SYS_personality, SYS_unshare, SYS_setns, SYS_keyctl,
    SYS_sched_setaffinity, SYS_sched_setscheduler, SYS_sched_setparam, SYS_sched_setattr, SYS_setpriority,
    SYS_ioprio_set, SYS_set_mempolicy, landlockRestrictSelf, lsmSetSelfAttr,
  ])

  /// Never waiting, or about the calling thread.
  private static let inlineNumbers = numbers(
    [
      SYS_close, SYS_lseek, SYS_mmap, SYS_mprotect, SYS_munmap, SYS_brk, SYS_mremap, SYS_madvise, SYS_dup, SYS_dup3,
      SYS_pipe2, SYS_socket, SYS_socketpair, SYS_bind, SYS_listen, SYS_shutdown, SYS_getsockname, SYS_getpeername,
      SYS_setsockopt, SYS_getsockopt, SYS_eventfd2, SYS_epoll_create1, SYS_epoll_ctl, SYS_timerfd_create,
      SYS_timerfd_settime, SYS_timerfd_gettime, SYS_signalfd4, SYS_memfd_create, SYS_inotify_init1, SYS_clock_gettime,
      SYS_clock_getres, SYS_clock_settime, SYS_gettimeofday, SYS_times, SYS_uname, SYS_sysinfo, SYS_getrandom,
      SYS_umask, SYS_getpid, SYS_getppid, SYS_gettid, SYS_getpgid, SYS_setpgid, SYS_getsid, SYS_setsid, SYS_getuid,
      SYS_geteuid, SYS_getgid, SYS_getegid, SYS_getresuid, SYS_getresgid, SYS_getgroups, SYS_capget, SYS_rt_sigaction,
      SYS_rt_sigprocmask, SYS_rt_sigpending, SYS_sigaltstack, SYS_kill, SYS_tkill, SYS_tgkill, SYS_getitimer,
      SYS_setitimer, SYS_timer_create, SYS_timer_settime, SYS_timer_gettime, SYS_timer_delete, SYS_sched_yield,
      SYS_sched_getaffinity, SYS_sched_getscheduler, SYS_sched_getparam, SYS_sched_getattr, SYS_getpriority,
      SYS_ioprio_get, SYS_getcpu, SYS_getrusage, SYS_getrlimit, SYS_prlimit64, SYS_get_mempolicy, SYS_membarrier,
      SYS_sched_rr_get_interval, SYS_perf_event_open,
    ] + inlineHere)

  // Newer than some of the headers that this is built with; the same on every architecture.
  private static let landlockRestrictSelf: CInt = 446
  private static let lsmSetSelfAttr: CInt = 460

  private static func numbers(_ list: [CInt]) -> Set<Int> { Set(list.map(Int.init)) }
}
