// Converted ticks against CLOCK_MONOTONIC itself, on the clocks of this machine.
import CSystemCalls
import Glibc
import Testing

@testable import TraceEvents

@Suite struct ClockAccuracyTests {
  /// The kernel's clock, read between two readings of the ticks: it lies between what those convert to. What interrupts
  /// the three widens the interval, and makes none wrong.
  private struct Reading {
    var before: UInt64
    var nanoseconds: UInt64
    var after: UInt64

    var width: UInt64 { after - before }

    /// The narrowest of five: the first one after a pause is slow.
    static func now() -> Reading {
      (0..<5).map { _ in once() }.min { $0.width < $1.width }!
    }

    private static func once() -> Reading {
      var time = timespec()
      let before = fibril_time_stamp_counter()
      unsafe clock_gettime(CLOCK_MONOTONIC, &time)
      let after = fibril_time_stamp_counter()
      return Reading(
        before: before, nanoseconds: UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec), after: after)
    }
  }

  /// As a tracer does it: a pair each 100 ms, and records are converted when a later pair is there.
  @Test(.enabled(if: fibril_time_stamp_counter() != 0, "this machine has no time stamp counter"))
  func ticksAreTheMonotonicClockWithin200Nanoseconds() {
    var clock = TickClock(source: .timeStampCounter)
    var readings: [Reading] = []
    clock.add(.now())
    for _ in 0..<20 {
      for _ in 0..<100 {
        readings.append(.now())
        usleep(1000)
      }
      clock.add(.now())
    }
    // How far the kernel's time lies outside of the interval, of whatever width.
    var errors: [UInt64] = []
    // How far it lies from the middle of the narrower ones: the error from both sides.
    var distances: [UInt64] = []
    for reading in readings.sorted(by: { $0.width < $1.width }) {
      let (before, after) = (clock.nanoseconds(atTicks: reading.before), clock.nanoseconds(atTicks: reading.after))
      #expect(before <= after)
      let early = before > reading.nanoseconds ? before - reading.nanoseconds : 0
      let late = reading.nanoseconds > after ? reading.nanoseconds - after : 0
      errors.append(max(early, late))
      let middle = before + (after - before) / 2
      distances.append(max(middle, reading.nanoseconds) - min(middle, reading.nanoseconds))
    }
    // A pair of which all five tries were interrupted spoils the tenth of the readings around it.
    errors.sort()
    #expect(errors[errors.count * 8 / 10] <= 200, "the worst is \(errors.last ?? 0) ns")
    distances = distances.prefix(distances.count / 2).sorted()
    #expect(distances[distances.count * 8 / 10] <= 200, "the worst is \(distances.last ?? 0) ns")
  }

  /// Where the clock source is not the time stamp counter, records carry nanoseconds, and no pair changes them.
  @Test func nanosecondsStayWhatTheyAre() {
    var clock = TickClock(source: .monotonic)
    clock.add(ClockPair(ticks: 5, nanoseconds: 1_000_000))
    clock.add(.now())
    let reading = Reading.now()
    #expect(clock.nanoseconds(atTicks: reading.nanoseconds) == reading.nanoseconds)
    #expect(clock.nanoseconds(atTicks: .max) == .max)
  }
}
