// How much of a stack was never used, from /proc/PID/pagemap: asking so touches no page of it.
internal import Glibc

/// Tells pages of a process that were touched from those that never were.
public struct StackUse: ~Copyable {
  private let descriptor: Int32
  private let pageBytes = UInt64(sysconf(Int32(_SC_PAGESIZE)))
  /// One read covers the stacks beside it too.
  private var window = [UInt64](repeating: 0, count: 1024)
  private var windowStart = UInt64.max
  private var windowCount = 0

  /// Bit 63: the page is there; bit 62: it is swapped out.
  private static let touched: UInt64 = 3 << 62

  /// Of a process whose memory may be read; without that, nothing is known.
  public init(processID: Int32) {
    descriptor = unsafe open("/proc/\(processID)/pagemap", O_RDONLY | O_CLOEXEC)
  }

  deinit { if descriptor >= 0 { close(descriptor) } }

  /// Bytes at the low end of a stack that were never touched, in whole pages; nil if nobody knows.
  public mutating func neverUsed(_ stack: Range<UInt64>) -> UInt64? {
    guard descriptor >= 0, !stack.isEmpty else { return nil }
    let first = stack.lowerBound / pageBytes
    // A thread's own stack is 8 MiB; a stack that claims to be larger than 1 GiB is none.
    let end = min(stack.upperBound / pageBytes, first + (1 << 30) / pageBytes)
    for page in first..<max(first, end) {
      guard let word = word(ofPage: page) else { return nil }
      if word & Self.touched != 0 { return max(page * pageBytes, stack.lowerBound) - stack.lowerBound }
    }
    return stack.upperBound - stack.lowerBound
  }

  private mutating func word(ofPage page: UInt64) -> UInt64? {
    if page < windowStart || page - windowStart >= UInt64(windowCount) {
      // Aligned: stacks may be handed out from high addresses to low ones.
      windowStart = page & ~UInt64(window.count - 1)
      let bytes = window.count * 8
      let offset = Int(bitPattern: UInt(windowStart &* 8))
      // Safe: the read stays inside the window, and every pattern of bits is a number.
      let count = unsafe window.withUnsafeMutableBytes { unsafe pread(descriptor, $0.baseAddress, bytes, offset) }
      windowCount = max(0, count / 8)
      guard page - windowStart < UInt64(windowCount) else { return nil }
    }
    return window[Int(page - windowStart)]
  }
}
