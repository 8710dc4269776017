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

    static func now() -> Reading {
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
    var errors: [UInt64] = []
    var narrow: [UInt64] = []
    for reading in readings {
      let (before, after) = (clock.nanoseconds(atTicks: reading.before), clock.nanoseconds(atTicks: reading.after))
      #expect(before <= after)
      let early = before > reading.nanoseconds ? before - reading.nanoseconds : 0
      let late = reading.nanoseconds > after ? reading.nanoseconds - after : 0
      errors.append(max(early, late))
      let middle = before + (after - before) / 2
      if after - before <= 200 { narrow.append(max(middle, reading.nanoseconds) - min(middle, reading.nanoseconds)) }
    }
    // A pair of which all five tries were interrupted spoils the tenth of the readings around it.
    errors.sort()
    #expect(errors[errors.count * 8 / 10] <= 200, "the worst is \(errors.last ?? 0) ns")
    // Where nothing interrupts, the readings say the error from both sides.
    narrow.sort()
    #expect(narrow.count > readings.count / 10, "only \(narrow.count) were not interrupted")
    if !narrow.isEmpty {
      #expect(narrow[narrow.count * 8 / 10] <= 200, "the worst is \(narrow.last ?? 0) ns")
    }
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
