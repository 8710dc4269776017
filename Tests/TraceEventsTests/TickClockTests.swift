import Testing

@testable import TraceEvents

@Suite struct TickClockTests {
  private func clock(_ pairs: [(UInt64, UInt64)]) -> TickClock {
    var clock = TickClock(source: .timeStampCounter)
    for (ticks, nanoseconds) in pairs { clock.add(ClockPair(ticks: ticks, nanoseconds: nanoseconds)) }
    return clock
  }

  @Test func monotonicTicksAreNanoseconds() {
    var clock = TickClock(source: .monotonic)
    #expect(clock.nanoseconds(atTicks: 12345) == 12345)
  }

  @Test func eachPieceHasItsOwnRate() {
    var clock = clock([(1000, 500), (3000, 1500), (4000, 3500)])
    let expected: [UInt64: UInt64] = [
      1000: 500, 2000: 1000, 3000: 1500, 3500: 2500, 4000: 3500,
      // Beyond the ends the nearest piece goes on.
      5000: 5500, 600: 300,
    ]
    for (ticks, nanoseconds) in expected { #expect(clock.nanoseconds(atTicks: ticks) == nanoseconds) }
  }

  @Test func aPairThatComesLaterIsUsed() {
    var clock = clock([(0, 0), (1000, 1000)])
    #expect(clock.nanoseconds(atTicks: 1500) == 1500)
    clock.add(ClockPair(ticks: 2000, nanoseconds: 3000))
    #expect(clock.nanoseconds(atTicks: 1500) == 2000)
    #expect(clock.lastTicks == 2000)
  }

  @Test func aPairThatRunsBackIsIgnored() {
    var clock = clock([(0, 0), (1000, 1000), (900, 5000), (1100, 900)])
    #expect(clock.lastTicks == 1000)
    #expect(clock.nanoseconds(atTicks: 1100) == 1100)
  }

  @Test func aSinglePairIsAllThereIs() {
    var clock = clock([(1000, 500)])
    #expect(clock.nanoseconds(atTicks: 99) == 500)
  }

  @Test(arguments: [0, 1, 999, 1000, UInt64.max / 2, UInt64.max - 1, UInt64.max])
  func noTicksTrap(_ ticks: UInt64) {
    var clock = clock([(1000, 10), (1001, 1 << 40)])
    let nanoseconds = clock.nanoseconds(atTicks: ticks)
    #expect(ticks > 1000 || nanoseconds <= 10)
  }

  /// A long trace thins out its older pairs, and time still never runs backwards.
  @Test func manyPairsStayMonotonic() {
    var clock = TickClock(source: .timeStampCounter)
    var generator = Random(state: 3)
    var pair = ClockPair(ticks: 1, nanoseconds: 1)
    for _ in 0..<3 * TickClock.mostPairs {
      clock.add(pair)
      pair.ticks += 1000
      pair.nanoseconds += 400 + generator.next() % 20
    }
    var last: UInt64 = 0
    for ticks in stride(from: UInt64(1), to: pair.ticks, by: 777) {
      let nanoseconds = clock.nanoseconds(atTicks: ticks)
      #expect(nanoseconds >= last)
      last = nanoseconds
    }
  }

  @Test func thePresentMovesOn() {
    let first = ClockPair.now()
    let second = ClockPair.now()
    #expect(second.nanoseconds >= first.nanoseconds)
  }
}
