internal import CFibril

/// A moment until which to wait, on CLOCK_MONOTONIC, which does not advance while the machine is
/// suspended.
public struct Deadline: Hashable, Comparable, Sendable {
  /// CLOCK_MONOTONIC in nanoseconds; 0 stands for never.
  package let nanoseconds: UInt64

  package init(nanoseconds: UInt64) { self.nanoseconds = nanoseconds }

  /// No deadline.
  public static let never = Deadline(nanoseconds: 0)

  public static var now: Deadline { Deadline(nanoseconds: fibril_ticks_monotonic()) }

  /// So long from now; at once if `duration` is negative, and never if it is past the clock's end.
  public static func after(_ duration: Duration) -> Deadline {
    let (sum, overflows) = fibril_ticks_monotonic().addingReportingOverflow(duration.clampedNanoseconds)
    return overflows ? .never : Deadline(nanoseconds: sum)
  }

  public static func < (left: Deadline, right: Deadline) -> Bool {
    left.nanoseconds &- 1 < right.nanoseconds &- 1  // never, 0, comes last
  }
}

extension Duration {
  /// Whole nanoseconds, at least 0 and at most what fits 63 bits (292 years).
  var clampedNanoseconds: UInt64 {
    let (seconds, attoseconds) = components
    guard seconds >= 0, attoseconds >= 0 else { return 0 }
    guard seconds < Int64.max / 1_000_000_000 else { return UInt64(Int64.max) }
    return UInt64(seconds) * 1_000_000_000 + UInt64(attoseconds) / 1_000_000_000
  }
}
