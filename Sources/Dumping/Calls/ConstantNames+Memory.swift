// Names for calls about memory and what processes share: MAP_*, MADV_*, FUTEX_*, IPC_*.

extension ConstantNames {
  #if arch(arm64)
    private static let mapHere = ""
    private static let protectionHere = "PROT_BTI=0x10 PROT_MTE"
  #else
    private static let mapHere = "MAP_32BIT=0x40"
    private static let protectionHere = ""
  #endif

  static let futex = ConstantNames(
    values: "\(futexOperations("")) \(futexOperations("_PRIVATE"))", mask: 0xff, flags: "FUTEX_CLOCK_REALTIME=0x100")

  private static func futexOperations(_ end: String) -> String {
    let names = """
      WAIT WAKE FD REQUEUE CMP_REQUEUE WAKE_OP LOCK_PI UNLOCK_PI TRYLOCK_PI WAIT_BITSET WAKE_BITSET WAIT_REQUEUE_PI \
      CMP_REQUEUE_PI LOCK_PI2
      """
    return names.split(separator: " ").enumerated().filter { $0.offset != 2 || end.isEmpty }
      .map { "FUTEX_\($0.element)\(end)=\($0.offset + (end.isEmpty ? 0 : 128))" }.joined(separator: " ")
  }

  static let memory: [String: ConstantNames] = [
    "protection": ConstantNames(
      flags: "PROT_READ PROT_WRITE PROT_EXEC PROT_SEM \(protectionHere) PROT_GROWSDOWN=0x1000000 PROT_GROWSUP",
      zero: "PROT_NONE", isWide: true),
    "map": ConstantNames(
      values: "MAP_SHARED=1 MAP_PRIVATE MAP_SHARED_VALIDATE", mask: 0xf,
      flags: """
        MAP_FIXED=0x10 MAP_ANONYMOUS \(mapHere) MAP_GROWSDOWN=0x100 MAP_DENYWRITE=0x800 MAP_EXECUTABLE MAP_LOCKED \
        MAP_NORESERVE MAP_POPULATE MAP_NONBLOCK MAP_STACK MAP_HUGETLB MAP_SYNC MAP_FIXED_NOREPLACE
        """, isWide: true),
    "remap": ConstantNames(flags: "MREMAP_MAYMOVE MREMAP_FIXED MREMAP_DONTUNMAP", isWide: true),
    "memory-sync": ConstantNames(flags: "MS_ASYNC MS_INVALIDATE MS_SYNC"),
    "memory-advice": ConstantNames(
      values: """
        MADV_NORMAL MADV_RANDOM MADV_SEQUENTIAL MADV_WILLNEED MADV_DONTNEED MADV_FREE=8 MADV_REMOVE MADV_DONTFORK \
        MADV_DOFORK MADV_MERGEABLE MADV_UNMERGEABLE MADV_HUGEPAGE MADV_NOHUGEPAGE MADV_DONTDUMP MADV_DODUMP \
        MADV_WIPEONFORK MADV_KEEPONFORK MADV_COLD MADV_PAGEOUT MADV_POPULATE_READ MADV_POPULATE_WRITE \
        MADV_DONTNEED_LOCKED MADV_COLLAPSE MADV_HWPOISON=100 MADV_SOFT_OFFLINE MADV_GUARD_INSTALL MADV_GUARD_REMOVE
        """),
    "lock-on-fault": ConstantNames(flags: "MLOCK_ONFAULT"),
    "lock-all": ConstantNames(flags: "MCL_CURRENT MCL_FUTURE MCL_ONFAULT"),
    "memory-file": ConstantNames(
      flags: "MFD_CLOEXEC MFD_ALLOW_SEALING MFD_HUGETLB MFD_NOEXEC_SEAL=8 MFD_EXEC"),
    "barrier": ConstantNames(
      values: """
        MEMBARRIER_CMD_QUERY MEMBARRIER_CMD_GLOBAL MEMBARRIER_CMD_GLOBAL_EXPEDITED=2 \
        MEMBARRIER_CMD_REGISTER_GLOBAL_EXPEDITED=4 MEMBARRIER_CMD_PRIVATE_EXPEDITED=8 \
        MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED=16 MEMBARRIER_CMD_PRIVATE_EXPEDITED_SYNC_CORE=32 \
        MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_SYNC_CORE=64 MEMBARRIER_CMD_PRIVATE_EXPEDITED_RSEQ=128 \
        MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_RSEQ=256
        """),
    "futex": futex,
    "futex-match": ConstantNames(flags: "FUTEX_BITSET_MATCH_ANY=0xffffffff"),
    "futex2": ConstantNames(
      values: "FUTEX2_SIZE_U8 FUTEX2_SIZE_U16 FUTEX2_SIZE_U32 FUTEX2_SIZE_U64", mask: 3,
      flags: "FUTEX2_NUMA=4 FUTEX2_PRIVATE=128"),
    "userfault": ConstantNames(flags: "UFFD_USER_MODE_ONLY O_NONBLOCK=0x800 O_CLOEXEC=0x80000"),
    "ipc-new": ConstantNames(flags: "IPC_CREAT=0x200 IPC_EXCL"),
    "queue": ConstantNames(flags: "IPC_NOWAIT=0x800 MSG_NOERROR=0x1000 MSG_EXCEPT MSG_COPY"),
    "shared-attach": ConstantNames(flags: "SHM_RDONLY=0x1000 SHM_RND SHM_REMAP SHM_EXEC"),
  ]
}
