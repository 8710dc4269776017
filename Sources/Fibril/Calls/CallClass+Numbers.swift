internal import CFibril

// Which class every system call has. Newer numbers stand as such: not all headers that this is built
// with name them, and they are the same on every architecture.

extension CallClass {
  static let lists: [(CallClass, [CInt])] = [
    (.refused, refusedNumbers + refusedHere),
    (.byArguments, byArgumentsNumbers + byArgumentsHere),
    (.identity, identityNumbers),
    (.watched, watchedNumbers + watchedHere),
    (.closing, closingNumbers + closingHere),
    (.ring, ringNumbers),
    (.timer, [SYS_nanosleep, SYS_clock_nanosleep]),
    (.helper, helperNumbers + helperHere),
    (.inline, inlineNumbers + inlineHere),
  ]

  /// What ends the thread or makes another one behind the library's back, or changes what the C library
  /// and the kernel have agreed on for it; and waiting for a signal handler to run on it.
  private static let refusedNumbers: [CInt] = [
    SYS_exit, SYS_exit_group, SYS_clone, SYS_clone3, SYS_execve, SYS_execveat, SYS_rt_sigreturn, SYS_restart_syscall,
    SYS_set_tid_address, SYS_set_robust_list, SYS_rseq, SYS_rt_sigsuspend,
  ]

  /// See `resolve`.
  private static let byArgumentsNumbers: [CInt] = [
    SYS_fcntl, SYS_futex, SYS_wait4, SYS_waitid, SYS_ptrace, SYS_epoll_pwait, SYS_close_range,
    SYS_rt_sigtimedwait, SYS_add_key,
  ]

  /// Credentials, namespaces, sandboxes, scheduling: what a new thread inherits from its maker.
  private static let identityNumbers: [CInt] = [
    SYS_setuid, SYS_setgid, SYS_setreuid, SYS_setregid, SYS_setresuid, SYS_setresgid, SYS_setgroups, SYS_setfsuid,
    SYS_setfsgid, SYS_capset, SYS_prctl, SYS_seccomp, SYS_personality, SYS_unshare, SYS_setns, SYS_keyctl,
    SYS_sched_setaffinity, SYS_sched_setscheduler, SYS_sched_setparam, SYS_sched_setattr, SYS_setpriority,
    SYS_ioprio_set, SYS_set_mempolicy, SYS_landlock_restrict_self,
    460,  // lsm_set_self_attr
  ]

  private static let watchedNumbers: [CInt] = [
    SYS_fstat, SYS_newfstatat, SYS_stat, SYS_lstat, SYS_getdents64, SYS_readlinkat, SYS_faccessat, SYS_faccessat2,
    SYS_fstatfs, SYS_statfs, SYS_getxattr, SYS_lgetxattr, SYS_fgetxattr,
    SYS_listxattr, SYS_llistxattr, SYS_flistxattr,
    464,  // getxattrat
    465,  // listxattrat
    468,  // file_getattr
  ]

  /// A close may wait for a file's server; dup2 and dup3 close, too.
  private static let closingNumbers: [CInt] = [SYS_close, SYS_dup3]

  /// What io_uring has and does not slower than a helper.
  private static let ringNumbers: [CInt] = [
    SYS_read, SYS_write, SYS_readv, SYS_writev, SYS_pread64, SYS_pwrite64, SYS_preadv, SYS_pwritev, SYS_fsync,
    SYS_fdatasync, SYS_openat, SYS_statx, SYS_accept, SYS_accept4, SYS_connect, SYS_sendto, SYS_recvfrom, SYS_sendmsg,
    SYS_recvmsg, SYS_fallocate, SYS_unlinkat, SYS_renameat2, SYS_mkdirat,
  ]

  /// Waits for another party or for a device, or looks up names to change them. Locks of files and
  /// semaphores' undoing belong to the process, the working directory too.
  private static let helperNumbers: [CInt] = [
    SYS_pselect6, SYS_ppoll, SYS_epoll_pwait2, SYS_flock, SYS_ioctl, SYS_sendfile, SYS_splice, SYS_tee, SYS_vmsplice,
    SYS_copy_file_range, SYS_sync, SYS_syncfs, SYS_sync_file_range, SYS_msync, SYS_fadvise64, SYS_readahead,
    SYS_preadv2, SYS_pwritev2, SYS_sendmmsg, SYS_recvmmsg, SYS_bind, SYS_openat2, SYS_open_by_handle_at,
    SYS_name_to_handle_at, SYS_open_tree, SYS_move_mount, SYS_fsopen, SYS_fsconfig, SYS_fsmount, SYS_fspick,
    SYS_mount_setattr, SYS_mount, SYS_umount2, SYS_pivot_root, SYS_swapon, SYS_swapoff, SYS_acct, SYS_quotactl,
    SYS_quotactl_fd, SYS_truncate, SYS_ftruncate, SYS_renameat, SYS_linkat, SYS_symlinkat, SYS_mknodat, SYS_fchmod,
    SYS_fchmodat, SYS_fchown, SYS_fchownat, SYS_utimensat, SYS_chdir, SYS_fchdir, SYS_chroot, SYS_setxattr,
    SYS_lsetxattr, SYS_fsetxattr, SYS_removexattr, SYS_lremovexattr, SYS_fremovexattr, SYS_inotify_add_watch,
    SYS_fanotify_mark, SYS_semop, SYS_semtimedop, SYS_msgsnd, SYS_msgrcv, SYS_mq_open, SYS_mq_unlink,
    SYS_mq_timedsend, SYS_mq_timedreceive, SYS_io_setup, SYS_io_destroy, SYS_io_submit, SYS_io_getevents,
    SYS_io_pgetevents, SYS_io_uring_enter, SYS_futex_waitv, SYS_mlock, SYS_mlock2, SYS_mlockall,
    SYS_mbind, SYS_migrate_pages, SYS_move_pages, SYS_process_madvise, SYS_process_mrelease, SYS_process_vm_readv,
    SYS_process_vm_writev, SYS_vhangup, SYS_syslog, SYS_reboot, SYS_kexec_load, SYS_kexec_file_load, SYS_init_module,
    SYS_finit_module, SYS_delete_module, SYS_bpf, SYS_request_key,
    467,  // open_tree_attr
    457,  // statmount
    458,  // listmount
    452,  // fchmodat2
    463,  // setxattrat
    466,  // removexattrat
    469,  // file_setattr
    451,  // cachestat
    455,  // futex_wait
  ]

  /// Never waits, or is about the calling thread; some are no longer there and say so.
  private static let inlineNumbers: [CInt] = [
    SYS_lseek, SYS_mmap, SYS_mprotect, SYS_munmap, SYS_brk, SYS_mremap, SYS_mincore, SYS_madvise, SYS_munlock,
    SYS_munlockall, SYS_pkey_mprotect, SYS_pkey_alloc, SYS_pkey_free, SYS_remap_file_pages, SYS_membarrier,
    SYS_memfd_create, SYS_memfd_secret, SYS_userfaultfd, SYS_get_mempolicy, SYS_set_mempolicy_home_node, SYS_dup,
    SYS_pipe2, SYS_socket, SYS_socketpair, SYS_listen, SYS_shutdown, SYS_getsockname, SYS_getpeername, SYS_setsockopt,
    SYS_getsockopt, SYS_eventfd2, SYS_epoll_create1, SYS_epoll_ctl, SYS_timerfd_create, SYS_timerfd_settime,
    SYS_timerfd_gettime, SYS_signalfd4, SYS_inotify_init1, SYS_inotify_rm_watch, SYS_fanotify_init,
    SYS_io_uring_setup, SYS_io_uring_register, SYS_io_cancel, SYS_pidfd_open, SYS_pidfd_getfd, SYS_pidfd_send_signal,
    SYS_perf_event_open, SYS_landlock_create_ruleset, SYS_landlock_add_rule, SYS_clock_gettime, SYS_clock_getres,
    SYS_clock_settime, SYS_clock_adjtime, SYS_adjtimex, SYS_gettimeofday, SYS_settimeofday, SYS_times, SYS_uname,
    SYS_sysinfo, SYS_getrandom, SYS_sethostname, SYS_setdomainname, SYS_getcwd, SYS_umask, SYS_getpid, SYS_getppid,
    SYS_gettid, SYS_getpgid, SYS_setpgid, SYS_getsid, SYS_setsid, SYS_getuid, SYS_geteuid, SYS_getgid, SYS_getegid,
    SYS_getresuid, SYS_getresgid, SYS_getgroups, SYS_capget, SYS_kcmp, SYS_rt_sigaction, SYS_rt_sigprocmask,
    SYS_rt_sigpending, SYS_rt_sigqueueinfo, SYS_rt_tgsigqueueinfo, SYS_sigaltstack, SYS_kill, SYS_tkill, SYS_tgkill,
    SYS_getitimer, SYS_setitimer, SYS_timer_create, SYS_timer_settime, SYS_timer_gettime, SYS_timer_getoverrun,
    SYS_timer_delete, SYS_sched_yield, SYS_sched_getaffinity, SYS_sched_getscheduler, SYS_sched_getparam,
    SYS_sched_getattr, SYS_sched_get_priority_max, SYS_sched_get_priority_min, SYS_sched_rr_get_interval,
    SYS_getpriority, SYS_ioprio_get, SYS_getcpu, SYS_getrusage, SYS_getrlimit, SYS_setrlimit, SYS_prlimit64,
    SYS_get_robust_list, SYS_semget, SYS_semctl, SYS_shmget, SYS_shmat, SYS_shmctl, SYS_shmdt, SYS_msgget, SYS_msgctl,
    SYS_mq_notify, SYS_mq_getsetattr, SYS_nfsservctl, SYS_lookup_dcookie,
    462,  // mseal
    453,  // map_shadow_stack
    454,  // futex_wake
    456,  // futex_requeue
    459,  // lsm_get_self_attr
    461,  // lsm_list_modules
    470,  // listns
  ]

  // What x86-64 alone has.
  #if arch(x86_64)
    private static let refusedHere: [CInt] = [
      SYS_fork, SYS_vfork, SYS_pause,
    ]
    private static let byArgumentsHere: [CInt] = [
      SYS_arch_prctl, SYS_poll, SYS_epoll_wait,
    ]
    private static let watchedHere: [CInt] = [
      SYS_getdents, SYS_readlink, SYS_access,
    ]
    private static let closingHere: [CInt] = [SYS_dup2]
    private static let helperHere: [CInt] = [
      SYS_select, SYS_open, SYS_creat, SYS_rename, SYS_mkdir, SYS_rmdir, SYS_link, SYS_unlink, SYS_symlink, SYS_mknod,
      SYS_chmod, SYS_chown, SYS_lchown, SYS_utime, SYS_utimes, SYS_futimesat, SYS_ustat,
    ]
    private static let inlineHere: [CInt] = [
      SYS_pipe, SYS_eventfd, SYS_epoll_create, SYS_signalfd, SYS_inotify_init, SYS_time, SYS_sysfs, SYS_getpgrp,
      SYS_alarm, SYS_modify_ldt, SYS_set_thread_area, SYS_get_thread_area, SYS_iopl, SYS_ioperm, SYS_uselib,
      SYS_create_module, SYS_get_kernel_syms, SYS_query_module, SYS_getpmsg, SYS_putpmsg, SYS_afs_syscall,
      SYS_tuxcall, SYS_security, SYS_vserver, SYS_epoll_ctl_old, SYS_epoll_wait_old, SYS__sysctl,
    ]
  #else
    private static let refusedHere: [CInt] = []
    private static let byArgumentsHere: [CInt] = []
    private static let watchedHere: [CInt] = []
    private static let closingHere: [CInt] = []
    private static let helperHere: [CInt] = []
    private static let inlineHere: [CInt] = []
  #endif
}
