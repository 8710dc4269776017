// Names for calls about files: O_*, AT_*, S_*, IN_* and their like.

extension ConstantNames {
  #if arch(arm64)
    /// Bits of `open` that differ between architectures.
    private static let openHere = "O_DIRECTORY=0x4000 O_NOFOLLOW O_DIRECT O_LARGEFILE"
    static let temporary: UInt64 = 0x404000
  #else
    private static let openHere = "O_DIRECT=0x4000 O_LARGEFILE O_DIRECTORY O_NOFOLLOW"
    static let temporary: UInt64 = 0x410000
  #endif

  private static let openFlags = """
    O_TMPFILE=\(temporary) O_CREAT=0x40 O_EXCL O_NOCTTY O_TRUNC O_APPEND O_NONBLOCK O_SYNC=0x101000 O_DSYNC=0x1000 \
    O_ASYNC \(openHere) O_NOATIME=0x40000 O_CLOEXEC O_PATH=0x200000
    """

  /// `open`: O_RDONLY is said too. With one of `creating` the call takes a mode.
  static let open = ConstantNames(values: "O_RDONLY O_WRONLY O_RDWR", mask: 3, flags: openFlags)
  static let created: UInt64 = 0x40

  /// What is given to new descriptors by `pipe2`, `dup3` and others.
  static let descriptorFlags = ConstantNames(flags: openFlags)

  static let files: [String: ConstantNames] = [
    "open": open,
    "descriptor-flags": descriptorFlags,
    "resolve": ConstantNames(
      flags: """
        RESOLVE_NO_XDEV RESOLVE_NO_MAGICLINKS RESOLVE_NO_SYMLINKS RESOLVE_BENEATH RESOLVE_IN_ROOT RESOLVE_CACHED
        """, isWide: true),
    "at": ConstantNames(
      flags: """
        AT_SYMLINK_NOFOLLOW=0x100 AT_SYMLINK_FOLLOW=0x400 AT_NO_AUTOMOUNT AT_EMPTY_PATH AT_STATX_FORCE_SYNC \
        AT_STATX_DONT_SYNC AT_RECURSIVE
        """),
    "at-remove": ConstantNames(flags: "AT_REMOVEDIR=0x200"),
    "at-access": ConstantNames(flags: "AT_SYMLINK_NOFOLLOW=0x100 AT_EACCESS AT_EMPTY_PATH=0x1000"),
    "access": ConstantNames(flags: "X_OK W_OK R_OK", zero: "F_OK"),
    "whence": ConstantNames(values: "SEEK_SET SEEK_CUR SEEK_END SEEK_DATA SEEK_HOLE"),
    "statx": ConstantNames(
      flags: """
        STATX_BASIC_STATS=0x7ff STATX_TYPE=1 STATX_MODE STATX_NLINK STATX_UID STATX_GID STATX_ATIME STATX_MTIME \
        STATX_CTIME STATX_INO STATX_SIZE STATX_BLOCKS STATX_BTIME STATX_MNT_ID STATX_DIOALIGN STATX_MNT_ID_UNIQUE
        """),
    "file-type": ConstantNames(
      values: """
        S_IFIFO=0x1000 S_IFCHR=0x2000 S_IFDIR=0x4000 S_IFBLK=0x6000 S_IFREG=0x8000 S_IFLNK=0xa000 S_IFSOCK=0xc000
        """,
      mask: 0xf000),
    "flock": ConstantNames(values: "LOCK_SH=1 LOCK_EX LOCK_UN=8", mask: 0xb, flags: "LOCK_NB=4"),
    "fcntl": fcntl,
    "close-on-exec": ConstantNames(flags: "FD_CLOEXEC"),
    "seals": ConstantNames(
      flags: "F_SEAL_SEAL F_SEAL_SHRINK F_SEAL_GROW F_SEAL_WRITE F_SEAL_FUTURE_WRITE F_SEAL_EXEC"),
    "lease": ConstantNames(values: "F_RDLCK F_WRLCK F_UNLCK"),
    "fallocate": ConstantNames(
      flags: """
        FALLOC_FL_KEEP_SIZE FALLOC_FL_PUNCH_HOLE FALLOC_FL_COLLAPSE_RANGE=8 FALLOC_FL_ZERO_RANGE \
        FALLOC_FL_INSERT_RANGE FALLOC_FL_UNSHARE_RANGE
        """),
    "file-advice": ConstantNames(
      values: """
        POSIX_FADV_NORMAL POSIX_FADV_RANDOM POSIX_FADV_SEQUENTIAL POSIX_FADV_WILLNEED POSIX_FADV_DONTNEED \
        POSIX_FADV_NOREUSE
        """),
    "sync-range": ConstantNames(
      flags: "SYNC_FILE_RANGE_WAIT_BEFORE SYNC_FILE_RANGE_WRITE SYNC_FILE_RANGE_WAIT_AFTER"),
    "splice": ConstantNames(flags: "SPLICE_F_MOVE SPLICE_F_NONBLOCK SPLICE_F_MORE SPLICE_F_GIFT"),
    "rename": ConstantNames(flags: "RENAME_NOREPLACE RENAME_EXCHANGE RENAME_WHITEOUT"),
    "read-write": ConstantNames(
      flags: "RWF_HIPRI RWF_DSYNC RWF_SYNC RWF_NOWAIT RWF_APPEND RWF_NOAPPEND RWF_ATOMIC RWF_DONTCACHE"),
    "xattr": ConstantNames(flags: "XATTR_CREATE XATTR_REPLACE"),
    "mount": ConstantNames(
      flags: """
        MS_RDONLY MS_NOSUID MS_NODEV MS_NOEXEC MS_SYNCHRONOUS MS_REMOUNT MS_MANDLOCK MS_DIRSYNC MS_NOSYMFOLLOW \
        MS_NOATIME=0x400 MS_NODIRATIME MS_BIND MS_MOVE MS_REC MS_SILENT MS_POSIXACL MS_UNBINDABLE MS_PRIVATE MS_SLAVE \
        MS_SHARED MS_RELATIME MS_STRICTATIME=0x1000000 MS_LAZYTIME
        """, isWide: true),
    "unmount": ConstantNames(flags: "MNT_FORCE MNT_DETACH MNT_EXPIRE UMOUNT_NOFOLLOW"),
    "inotify": ConstantNames(
      flags: """
        IN_ALL_EVENTS=0xfff IN_ACCESS=1 IN_MODIFY IN_ATTRIB IN_CLOSE_WRITE IN_CLOSE_NOWRITE IN_OPEN IN_MOVED_FROM \
        IN_MOVED_TO IN_CREATE IN_DELETE IN_DELETE_SELF IN_MOVE_SELF IN_ONLYDIR=0x1000000 IN_DONT_FOLLOW IN_EXCL_UNLINK \
        IN_MASK_CREATE=0x10000000 IN_MASK_ADD IN_ISDIR IN_ONESHOT
        """),
    "inotify-new": ConstantNames(flags: "IN_NONBLOCK=0x800 IN_CLOEXEC=0x80000"),
    "close-range": ConstantNames(flags: "CLOSE_RANGE_UNSHARE=2 CLOSE_RANGE_CLOEXEC"),
    "poll": poll,
    "epoll": epoll,
    "epoll-new": ConstantNames(flags: "EPOLL_CLOEXEC=0x80000"),
    "epoll-operation": ConstantNames(values: "EPOLL_CTL_ADD=1 EPOLL_CTL_DEL EPOLL_CTL_MOD"),
    "eventfd": ConstantNames(flags: "EFD_SEMAPHORE EFD_NONBLOCK=0x800 EFD_CLOEXEC=0x80000"),
    "signalfd": ConstantNames(flags: "SFD_NONBLOCK=0x800 SFD_CLOEXEC=0x80000"),
    "timerfd": ConstantNames(flags: "TFD_NONBLOCK=0x800 TFD_CLOEXEC=0x80000"),
    "timerfd-set": ConstantNames(flags: "TFD_TIMER_ABSTIME TFD_TIMER_CANCEL_ON_SET"),
  ]

  static let fcntl = ConstantNames(
    values: """
      F_DUPFD F_GETFD F_SETFD F_GETFL F_SETFL F_GETLK F_SETLK F_SETLKW F_SETOWN F_GETOWN F_SETSIG F_GETSIG \
      F_SETOWN_EX=15 F_GETOWN_EX F_OFD_GETLK=36 F_OFD_SETLK F_OFD_SETLKW F_SETLEASE=1024 F_GETLEASE F_NOTIFY \
      F_DUPFD_CLOEXEC=1030 F_SETPIPE_SZ F_GETPIPE_SZ F_ADD_SEALS F_GET_SEALS F_GET_RW_HINT=1035 F_SET_RW_HINT \
      F_GET_FILE_RW_HINT F_SET_FILE_RW_HINT
      """)

  static let poll = ConstantNames(
    flags: """
      POLLIN POLLPRI POLLOUT POLLERR POLLHUP POLLNVAL POLLRDNORM POLLRDBAND POLLWRNORM POLLWRBAND POLLMSG \
      POLLRDHUP=0x2000
      """)

  static let epoll = ConstantNames(
    flags: """
      EPOLLIN EPOLLPRI EPOLLOUT EPOLLERR EPOLLHUP EPOLLRDNORM=0x40 EPOLLRDBAND EPOLLWRNORM EPOLLWRBAND EPOLLMSG \
      EPOLLRDHUP=0x2000 EPOLLEXCLUSIVE=0x10000000 EPOLLWAKEUP EPOLLONESHOT EPOLLET
      """)
}
