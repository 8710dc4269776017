// How exact sums are.
import Testing

@testable import Timeline

@Suite struct LatencyTests {
  @Test(arguments: 1...20) func percentilesAreAtMostOnePercentTooHigh(seed: UInt64) {
    var random = Random(seed: seed)
    var latency = Latency()
    var values: [UInt64] = []
    for _ in 0..<20_000 {
      let value = (UInt64(random.below(1 << 30)) >> UInt64(random.below(30))) << UInt64(random.below(20))
      values.append(value)
      latency.record(value)
    }
    values.sort()
    let figures = latency.figures
    #expect(figures.count == 20_000)
    #expect(figures.sum == values.reduce(0) { $0 + UInt128($1) })
    #expect(figures.max == values.last)
    for (shown, part) in [(figures.p50, 0.5), (figures.p90, 0.9), (figures.p99, 0.99), (figures.p999, 0.999)] {
      let exact = values[Int((part * Double(values.count)).rounded(.up)) - 1]
      #expect(shown >= exact && Double(shown) <= Double(exact) * 1.01, "\(part): \(shown), exactly \(exact)")
    }
    for (bucket, count) in figures.buckets.enumerated() {
      let upper = UInt64(1) << UInt64(bucket)
      #expect(Int(count) == values.count { $0 < upper && $0 >= upper / 2 && (bucket == 0) == ($0 == 0) })
    }
  }

  @Test func sumsOfBothAreTheSumOfAll() {
    var (first, second, both) = (Latency(), Latency(), Latency())
    for value in [0, 1, 5, 1000, 70_000, UInt64.max] {
      first.record(value)
      both.record(value)
    }
    for value in [3, 1 << 40, 12] as [UInt64] {
      second.record(value)
      both.record(value)
    }
    first.add(second)
    #expect(first.figures == both.figures)
    // Beyond 36 years no time is told apart.
    #expect(first.figures.max == 1 << 60)
  }

  @Test func nothingIsNothing() {
    #expect(Latency().figures == LatencyFigures())
  }
}
