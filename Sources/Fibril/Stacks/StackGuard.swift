internal import Glibc

/// The page below a stack, which faults when the stack overflows into it.
enum StackGuard {
  /// `MADV_GUARD_INSTALL` (Linux 6.13, <linux/mman.h>): a marker in the page table. A million of
  /// them leave the mapping in one piece, where `mprotect` splits it and fails at `max_map_count`.
  private static let guardInstall: CInt = 102

  static func install(at page: UnsafeMutableRawPointer, _ pageBytes: Int) throws(FibrilError) {
    if unsafe madvise(page, pageBytes, guardInstall) == 0 { return }
    // EINVAL: the kernel is older, or the memory is locked.
    guard unsafe mprotect(page, pageBytes, PROT_NONE) == 0 else {
      throw FibrilError(
        action: "guard a stack (see the limit vm.max_map_count: this kernel needs two mappings a stack)",
        code: errno)
    }
  }
}
