// How long something took, many times over.
internal import Histogram

/// Durations, summed up as they come: a histogram of two significant digits, in which a value is at most 1 % off,
/// and besides exact counts by powers of two, which Prometheus can add up.
public struct Latency: Sendable {
  private var histogram = Histogram<UInt64>(numberOfSignificantValueDigits: .two)
  private var buckets: [UInt64] = []
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
    let bucket = UInt64.bitWidth - value.leadingZeroBitCount
    if bucket >= buckets.count { buckets += Array(repeating: 0, count: bucket + 1 - buckets.count) }
    buckets[bucket] &+= 1
  }

  public mutating func add(_ other: Latency) {
    histogram.add(other.histogram)
    sum &+= other.sum
    if other.buckets.count > buckets.count {
      buckets += Array(repeating: 0, count: other.buckets.count - buckets.count)
    }
    for bucket in other.buckets.indices { buckets[bucket] &+= other.buckets[bucket] }
  }

  public var figures: LatencyFigures {
    var figures = LatencyFigures()
    guard !isEmpty else { return figures }
    figures.count = histogram.totalCount
    figures.sum = sum
    figures.p50 = histogram.valueAtPercentile(50)
    figures.p90 = histogram.valueAtPercentile(90)
    figures.p99 = histogram.valueAtPercentile(99)
    figures.p999 = histogram.valueAtPercentile(99.9)
    figures.max = histogram.maxRecorded
    figures.buckets = buckets
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
