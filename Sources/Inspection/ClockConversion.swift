// Ticks of a runtime's clock -> CLOCK_MONOTONIC in nanoseconds.
internal import CFibrilContract
internal import CSystemCalls
internal import Glibc

/// One reading of both clocks.
struct ClockPair: Equatable {
  var ticks, nanoseconds: UInt64

  /// Both clocks now: of five readings of one between two of the other, the tightest.
  static func now() -> ClockPair {
    var best = ClockPair(ticks: 0, nanoseconds: monotonicNanoseconds())
    var tightest = UInt64.max
    for _ in 0..<5 {
      let before = fibril_time_stamp_counter()
      let nanoseconds = monotonicNanoseconds()
      let width = fibril_time_stamp_counter() &- before
      guard width < tightest else { continue }
      tightest = width
      best = ClockPair(ticks: before &+ width / 2, nanoseconds: nanoseconds)
    }
    return best
  }
}

/// CLOCK_MONOTONIC, in nanoseconds.
public func monotonicNanoseconds() -> UInt64 {
  var time = timespec()
  unsafe clock_gettime(CLOCK_MONOTONIC, &time)
  return UInt64(time.tv_sec) &* 1_000_000_000 &+ UInt64(time.tv_nsec)
}

/// Converts by two pairs: the one that the runtime took at its start, and one of now.
struct ClockConversion {
  private let later: ClockPair
  /// nil: ticks are nanoseconds already.
  private let nanosecondsPerTick: Double?

  init(clock: UInt64, first: ClockPair, later: ClockPair) {
    self.later = later
    guard clock == UInt64(FIBRIL_CLOCK_TSC.rawValue) else {
      nanosecondsPerTick = nil
      return
    }
    // Pairs that make no sense give the rate 0: everything then happens at the later reading.
    guard later.ticks > first.ticks, later.nanoseconds > first.nanoseconds else {
      nanosecondsPerTick = 0
      return
    }
    nanosecondsPerTick = Double(later.nanoseconds - first.nanoseconds) / Double(later.ticks - first.ticks)
  }

  /// 0 stays 0: the runtime has no time there.
  func nanoseconds(_ ticks: UInt64) -> UInt64 {
    guard let nanosecondsPerTick, ticks != 0 else { return ticks }
    let distance = Double(Int64(bitPattern: ticks &- later.ticks)) * nanosecondsPerTick
    return UInt64(exactly: (Double(later.nanoseconds) + distance).rounded()) ?? later.nanoseconds
  }
}
