// What each argument of a system call is: one line for calls that take the same.
internal import TraceEvents

/// The arguments of one system call.
struct CallSignature: Sendable {
  var arguments: [ArgumentKind]

  /// By system call number; nil for a call of which nothing is known.
  static func of(_ call: UInt32) -> CallSignature? { Int(call) < table.count ? table[Int(call)] : nil }

  private static let table: [CallSignature?] = {
    var kinds: [Substring: [ArgumentKind]] = [:]
    for (names, words) in lines { for name in names { kinds[name] = words.map(ArgumentKind.named) } }
    return (UInt32(0)..<512).map { number in
      SystemCallNames.name(of: number).flatMap { kinds[Substring($0)] }.map(CallSignature.init)
    }
  }()

  /// The lines of the text, taken apart.
  static var lines: [(names: [Substring], words: [Substring])] {
    text.split(separator: "\n").map { line in
      let parts = line.split(separator: ":", omittingEmptySubsequences: false)
      return (parts[0].split(separator: " "), parts[1].split(separator: " "))
    }
  }

  /// For the words see `ArgumentKind.named`. What a call writes to is an address.
  private static let text = """
    read write getdents getdents64: fd address size
    pread64 pwrite64: fd address size offset
    readv writev: fd vector int
    preadv pwritev: fd vector int offset
    preadv2 pwritev2: fd vector int offset - read-write
    open: path open new-mode
    openat: directory path open new-mode
    openat2: directory path how size
    creat mkdir chmod: path mode
    close fsync fdatasync syncfs fchdir dup: fd
    close_range: unsigned unsigned close-range
    dup2: fd fd
    dup3: fd fd descriptor-flags
    pipe2: address descriptor-flags
    lseek: fd offset whence
    stat lstat statfs: path address
    fstat fstatfs: fd address
    newfstatat: directory path address at
    statx: directory path at statx address
    access: path access
    faccessat: directory path access
    faccessat2: directory path access at-access
    truncate: path offset
    ftruncate: fd offset
    fallocate: fd fallocate offset offset
    fadvise64: fd offset size file-advice
    readahead: fd offset size
    sync_file_range: fd offset offset sync-range
    cachestat: fd address address bits
    flock: fd flock
    fcntl: fd fcntl fcntl-argument
    ioctl: fd ioctl ioctl-argument
    chdir chroot rmdir unlink swapoff acct: path
    mkdirat fchmodat: directory path mode
    fchmodat2: directory path mode at
    mknod: path typed-mode bits
    mknodat: directory path typed-mode bits
    fchmod: fd mode
    rename link symlink pivot_root: path path
    linkat: directory path directory path at
    symlinkat: path directory path
    renameat: directory path directory path
    renameat2: directory path directory path rename
    unlinkat: directory path at-remove
    readlink: path address size
    readlinkat: directory path address size
    chown lchown: path id id
    fchown: fd id id
    fchownat: directory path id id at
    utime utimes: path address
    futimesat: directory path address
    utimensat: directory path file-times at
    getcwd: address size
    setxattr lsetxattr: path string address size xattr
    fsetxattr: fd string address size xattr
    getxattr lgetxattr: path string address size
    fgetxattr: fd string address size
    listxattr llistxattr: path address size
    flistxattr: fd address size
    removexattr lremovexattr: path string
    fremovexattr: fd string
    mount: path path string mount address
    umount2: path unmount
    sendfile: fd fd address size
    splice copy_file_range: fd address fd address size splice
    tee: fd fd size splice
    vmsplice: fd vector size splice
    name_to_handle_at: directory path address address at
    open_by_handle_at: fd address open
    inotify_init1: inotify-new
    inotify_add_watch: fd path inotify
    inotify_rm_watch: fd int
    fanotify_mark: fd bits bits directory path
    memfd_create: string memory-file
    poll: poll-list unsigned int
    ppoll: poll-list unsigned time signal-set
    select: int fd-set fd-set fd-set old-time
    pselect6: int fd-set fd-set fd-set time address
    epoll_create eventfd: int
    epoll_create1: epoll-new
    epoll_ctl: fd epoll-operation fd epoll-event
    epoll_wait: fd address int int
    epoll_pwait: fd address int int signal-set
    epoll_pwait2: fd address int time signal-set
    eventfd2: unsigned eventfd
    signalfd: fd signal-set
    signalfd4: fd signal-set - signalfd
    timerfd_create: clock timerfd
    timerfd_settime: fd timerfd-set timer-times address
    timerfd_gettime: fd address
    socket: family socket-type protocol-of-family
    socketpair: family socket-type protocol-of-family address
    bind connect: fd socket-address size
    listen: fd int
    accept getsockname getpeername: fd address address
    accept4: fd address address socket-type
    sendto: fd address size message socket-address int
    recvfrom: fd address size message address address
    sendmsg recvmsg: fd header message
    sendmmsg: fd address unsigned message
    recvmmsg: fd address unsigned message time
    shutdown: fd shutdown
    setsockopt: fd socket-level option-of-level option-value int
    getsockopt: fd socket-level option-of-level address address
    mmap: address size protection map map-fd offset
    munmap mlock munlock: address size
    mprotect: address size protection
    pkey_mprotect: address size protection int
    mremap: address size size remap new-address
    msync: address size memory-sync
    madvise: address size memory-advice
    process_madvise: fd vector size memory-advice bits
    mincore: address size address
    mlock2: address size lock-on-fault
    mlockall: lock-all
    brk: address
    membarrier: barrier bits int
    exit exit_group alarm: int
    clone: clone address address address address
    clone3: clone-arguments size
    execve: path address address
    execveat: directory path address address at
    wait4: int address wait address
    waitid: id-type int address wait address
    kill tkill: int signal
    tgkill: int int signal
    rt_sigaction: signal address address
    rt_sigprocmask: signal-mask signal-set address
    rt_sigsuspend: signal-set
    rt_sigtimedwait: signal-set address time
    rt_sigpending uname sysinfo times pipe set_tid_address: address
    sigaltstack gettimeofday: address address
    pidfd_open: int pidfd
    pidfd_send_signal: fd signal address bits
    pidfd_getfd: fd int bits
    ptrace: trace int address address
    prctl: control control-argument
    setns: fd namespaces
    unshare: namespaces
    nanosleep: time address
    clock_nanosleep: clock timer time address
    clock_gettime clock_getres: clock address
    clock_settime: clock time
    getitimer: interval address
    setitimer: interval old-timer-times address
    timer_create: clock address address
    timer_settime: int timer timer-times address
    timer_gettime: int address
    getrlimit setrlimit: resource address
    prlimit64: int resource address address
    getrusage: usage address
    getpriority: priority int
    setpriority: priority int int
    sched_setaffinity sched_getaffinity: int size address
    sched_setscheduler: int policy address
    sched_getscheduler sched_getparam getpgid getsid: int
    setpgid: int int
    umask: mode
    setuid setgid setfsuid setfsgid: id
    setreuid setregid: id id
    setresuid setresgid: id id id
    futex: address futex futex-value futex-timeout futex-address futex-value3
    futex_wait: address unsigned futex-match futex2 time clock
    futex_wake: address futex-match int futex2
    futex_waitv: address unsigned bits time clock
    getrandom: address size random
    semget: bits int ipc-mode
    semop: int address size
    semtimedop: int address size time
    msgget: bits ipc-mode
    msgsnd: int address size queue
    msgrcv: int address size long queue
    shmget: bits size ipc-mode
    shmat: int address shared-attach
    shmdt: address
    mq_open: string open new-mode address
    mq_unlink: string
    mq_timedsend: fd address size unsigned time
    mq_timedreceive: fd address size address time
    io_setup: unsigned address
    io_submit: address long address
    io_getevents: address long long address time
    io_uring_setup: unsigned address
    io_uring_enter: fd unsigned unsigned ring-enter
    io_uring_register: fd ring-register address unsigned
    perf_event_open: address int int fd bits
    bpf: int address size
    seccomp: seccomp bits address
    userfaultfd: userfault
    process_vm_readv process_vm_writev: int vector size address size bits
    set_robust_list: address size
    getcpu: address address
    sched_yield pause fork vfork sync getpid gettid getppid getuid geteuid getgid getegid setsid munlockall vhangup:
    """
}
