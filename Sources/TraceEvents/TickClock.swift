// Turns the ticks that records carry into CLOCK_MONOTONIC nanoseconds.
internal import CSystemCalls
internal import Glibc

/// One moment on both clocks.
public struct ClockPair: Equatable, Sendable {
  /// Of the clock that records carry.
  public var ticks: UInt64
  /// Of CLOCK_MONOTONIC.
  public var nanoseconds: UInt64

  /// A moment that was both.
  public init(ticks: UInt64, nanoseconds: UInt64) {
    self.ticks = ticks
    self.nanoseconds = nanoseconds
  }

  /// The present. The nanoseconds are read between two readings of the ticks, and of five such
  /// triples the narrowest counts: whatever interrupts one of them widens it. Off by 65 ns at most
  /// on a machine where a single reading is off by 8 µs now and then.
  public static func now() -> ClockPair {
    var best = ClockPair(ticks: 0, nanoseconds: 0)
    var width = UInt64.max
    for _ in 0..<5 {
      let before = fibril_time_stamp_counter()
      let nanoseconds = monotonicNanoseconds()
      let after = fibril_time_stamp_counter()
      if after &- before < width {
        width = after &- before
        best = ClockPair(ticks: before &+ width / 2, nanoseconds: nanoseconds)
      }
    }
    return best
  }
}

private func monotonicNanoseconds() -> UInt64 {
  var time = timespec()
  unsafe clock_gettime(CLOCK_MONOTONIC, &time)
  return UInt64(time.tv_sec) &* 1_000_000_000 &+ UInt64(time.tv_nsec)
}

/// A piecewise linear clock through pairs that are added as time goes on.
///
/// Between two pairs time never runs backwards. In front of the first and behind the last pair the
/// nearest piece goes on, so whoever adds a pair before asking for later ticks has the full
/// precision.
public struct TickClock: Sendable {
  /// What the ticks are.
  public enum Source: UInt8, Sendable {
    case timeStampCounter = 1
    /// Ticks are CLOCK_MONOTONIC nanoseconds already.
    case monotonic = 2
  }

  /// What its ticks are.
  public var source: Source
  private var pairs: [ClockPair] = []
  /// The piece that was asked for last: most records of a batch lie in one.
  private var piece = Piece(lower: 0, upper: 0, nanoseconds: 0, slope: 1)

  /// Beyond this many pairs the older half is thinned out: a quarter of an hour of quiet tracing.
  static let mostPairs = 8192

  /// A clock without pairs, which tells nothing yet of a time stamp counter.
  public init(source: Source) {
    self.source = source
  }

  /// The latest ticks that lie between two pairs.
  public var lastTicks: UInt64 { pairs.last?.ticks ?? 0 }

  /// Adds a moment later than all others; one that is not is ignored.
  public mutating func add(_ pair: ClockPair) {
    if let last = pairs.last, pair.ticks <= last.ticks || pair.nanoseconds < last.nanoseconds { return }
    if pairs.count >= Self.mostPairs { thin() }
    pairs.append(pair)
    piece.upper = piece.lower
  }

  /// CLOCK_MONOTONIC nanoseconds at `ticks`, which may be any number.
  public mutating func nanoseconds(atTicks ticks: UInt64) -> UInt64 {
    if source == .monotonic { return ticks }
    if ticks < piece.lower || ticks >= piece.upper { piece = piece(at: ticks) }
    return piece.nanoseconds(at: ticks)
  }

  private func piece(at ticks: UInt64) -> Piece {
    guard pairs.count >= 2 else {
      return Piece(lower: 0, upper: .max, nanoseconds: pairs.first?.nanoseconds ?? 0, slope: 0)
    }
    // The last pair that begins a piece and is not later than `ticks`, else the first one.
    var low = 0
    var high = pairs.count - 1
    while high - low > 1 {
      let middle = (low + high) / 2
      if pairs[middle].ticks <= ticks { low = middle } else { high = middle }
    }
    let (start, end) = (pairs[low], pairs[low + 1])
    let slope = Double(end.nanoseconds - start.nanoseconds) / Double(end.ticks - start.ticks)
    return Piece(lower: start.ticks, upper: end.ticks, nanoseconds: start.nanoseconds, slope: slope)
  }

  private mutating func thin() {
    let half = pairs.count / 2
    pairs = pairs.indices.filter { $0 >= half || $0 % 2 == 0 }.map { pairs[$0] }
  }
}

/// A stretch of ticks in which time runs evenly.
private struct Piece {
  var lower, upper: UInt64
  /// At `lower`.
  var nanoseconds: UInt64
  /// Nanoseconds a tick.
  var slope: Double

  /// Ticks come from another process: nothing they are may trap.
  func nanoseconds(at ticks: UInt64) -> UInt64 {
    if ticks >= lower {
      let distance = Double(ticks - lower) * slope
      return distance < 0x1p62 ? nanoseconds &+ UInt64(distance) : .max
    }
    let distance = Double(lower - ticks) * slope
    return distance < Double(nanoseconds) ? nanoseconds - UInt64(distance) : 0
  }
}
