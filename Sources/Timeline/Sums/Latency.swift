// How long something took, many times over.
internal import Histogram

/// Durations, summed up as they come: a histogram of two significant digits, in which a value is at most 1 % off.
public struct Latency: Sendable {
  private var histogram = Histogram<UInt64>(numberOfSignificantValueDigits: .two)
  public private(set) var sum: UInt128 = 0

  /// None.
  public init() {}

  /// 36 years. A process may claim any times, and room for each power of two is taken when it first occurs.
  private static let longest: UInt64 = 1 << 60

  public var isEmpty: Bool { histogram.totalCount == 0 }

  /// Adds a duration in ns.
  public mutating func record(_ nanoseconds: UInt64) {
    let value = min(nanoseconds, Self.longest)
    histogram.record(value)
    sum &+= UInt128(value)
  }

  public mutating func add(_ other: Latency) {
    histogram.add(other.histogram)
    sum &+= other.sum
  }

  public var figures: LatencyFigures {
    var figures = LatencyFigures()
    guard !isEmpty else { return figures }
    figures.count = histogram.totalCount
    figures.sum = sum
    figures.max = histogram.maxRecorded
    // The percentiles are of so many values and above.
    let ranks = [0.5, 0.9, 0.99, 0.999].map { UInt64(($0 * Double(figures.count)).rounded(.up)) }
    var percentiles: [UInt64] = []
    var seen: UInt64 = 0
    for cell in histogram.recordedValues() {
      // The cells' ends lie at powers of two, among others.
      let bucket = UInt64.bitWidth - cell.value.leadingZeroBitCount
      if bucket >= figures.buckets.count {
        figures.buckets += Array(repeating: 0, count: bucket + 1 - figures.buckets.count)
      }
      figures.buckets[bucket] &+= cell.count
      seen &+= cell.count
      while percentiles.count < ranks.count, seen >= ranks[percentiles.count] {
        percentiles.append(min(cell.value, figures.max))
      }
    }
    (figures.p50, figures.p90, figures.p99, figures.p999) = (
      percentiles[0], percentiles[1], percentiles[2], percentiles[3]
    )
    return figures
  }
}

/// A distribution of durations, all in ns. Percentiles are at most 1 % above the truth.
public struct LatencyFigures: Equatable, Sendable {
  public var count: UInt64 = 0
  /// Of many fibrils that wait for days, more than 64 bits hold.
  public var sum: UInt128 = 0
  public var p50: UInt64 = 0
  public var p90: UInt64 = 0
  public var p99: UInt64 = 0
  public var p999: UInt64 = 0
  public var max: UInt64 = 0
  /// Number k holds how many were at least 2^(k-1) and below 2^k; number 0 those that were 0. Exact. Empty if none came,
  /// and no longer than it has to be.
  public var buckets: [UInt64] = []

  public init() {}
}
