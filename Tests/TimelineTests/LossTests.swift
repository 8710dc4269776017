// What is said when records are lost, or the trace begins in the middle: UNKNOWN until an event tells, never a guess.

import Testing
@testable import Timeline
import TraceEvents

@Suite struct LossTests {
  /// Root 1 runs, 2 is blocked since 20, 3 is runnable since 20.
  private func busy() -> OneTask {
    var task = OneTask()
    task.start()
    task.at(10, .spawn(2), .spawn(3), .yield(1, 2))
    task.at(20, .block(2), .park(2, 3))
    task.at(20, .yield(3, 1))
    return task
  }

  @Test func everyFibrilIsUnknownUntilItsNextEvent() {
    var task = busy()
    task.at(22, .lost(records: 9))
    task.at(50, .yield(1, 3))
    task.at(60, .block(3), .park(3, 2))
    task.finish(at: 70)
    #expect(task.recorder.track(1).suffix(3) == ["running 20-22", "unknown 22-50", "runnable 50-70…"])
    #expect(
      task.recorder.track(3).suffix(4) == ["runnable 20-22", "unknown 22-50", "running 50-60", "blocked(5 700) 60-70…"])
    #expect(task.recorder.track(2).suffix(3) == ["blocked(5 700) 20-22", "unknown 22-60", "running 60-70…"])
    #expect(task.recorder.task(1).suffix(4) == ["1 20-22", "unknown 22-50", "3 50-60", "2 60-70…"])
    #expect(task.recorder.lost == [LostRange(task: 1, threadID: 100, records: 9, begin: 22, end: 50)])
    #expect(task.timeline.statistics.lost == 9)
  }

  @Test func lossesInARowAreOne() {
    var task = busy()
    task.at(22, .lost(records: 9), .lost(records: 4))
    task.at(50, .yield(1, 3))
    task.finish(at: 70)
    #expect(task.recorder.lost == [LostRange(task: 1, threadID: 100, records: 13, begin: 22, end: 50)])
  }

  @Test func aSecondLossHidesWhatWasRightAgain() {
    var task = busy()
    task.at(22, .lost(records: 9))
    task.at(30, .yield(1, 3))
    task.at(35, .lost(records: 9))
    task.at(40, .yield(3, 1))
    task.finish(at: 50)
    #expect(
      task.recorder.track(3).suffix(4) == ["unknown 22-30", "running 30-35", "unknown 35-40", "runnable 40-50…"])
    #expect(task.recorder.track(2).suffix(1) == ["unknown 22-50…"])
  }

  @Test func aLostTailIsNotTheLastState() {
    var task = busy()
    task.at(25, .lost(records: 1))
    task.finish(at: 50)
    #expect(task.recorder.track(1).suffix(2) == ["running 20-25", "unknown 25-50…"])
    #expect(task.recorder.track(2).suffix(2) == ["blocked(5 700) 20-25", "unknown 25-50…"])
    #expect(task.recorder.task(1).last == "unknown 25-50…")
    #expect(task.recorder.lost.map(\.end) == [50])
  }

  @Test func aCallWhoseEndWasLostEndsWithItsLastKnownTime() {
    var task = OneTask()
    task.start()
    task.at(10, .call(2), .block(2, .call, 35), .call(3), .block(3, .call, 35))
    task.at(20, .lost(records: 7))
    task.at(30, .end(3))
    task.finish(at: 50)
    #expect(task.recorder.calls.map(\.fibril) == [3, 2])
    #expect(task.recorder.calls.map(\.ending) == [.returned(0), .lost])
    #expect(task.recorder.calls.map(\.end) == [30, 20])
    #expect(task.recorder.calls.map(\.hasLoss) == [true, true])
    #expect(task.recorder.track(2) == ["created 10-10", "blocked(1 35) 10-20", "unknown 20-50…"])
  }

  @Test func aCallThatMayHaveBlockedInTheLossIsNotInline() {
    var task = OneTask()
    task.start()
    task.at(10, .call(2))
    task.at(20, .lost(records: 2))
    task.at(30, .end(2))
    #expect(task.recorder.calls.map(\.isInline) == [false])
    #expect(task.recorder.track(2) == ["created 10-20", "unknown 20-30"])
  }

  @Test func wakeAfterALoss() {
    var task = busy()
    task.at(22, .lost(records: 9))
    // Which fibril runs is not known: 2 could be running, and the wake be taken by its next block.
    task.at(30, .wake(2))
    // 3 is woken by one that runs.
    task.at(32, .wake(3, by: 1))
    task.at(40, .yield(1, 2))
    task.finish(at: 50)
    #expect(task.recorder.track(2).suffix(2) == ["unknown 22-40", "running 40-50…"])
    #expect(task.recorder.flows(to: 2).last == "0 30 -> 40")
    #expect(task.recorder.track(3).suffix(2) == ["unknown 22-32", "runnable 32-50…"])
  }

  @Test func wokenAfterALossThenSwitchedAwayAsBlocked() {
    var task = busy()
    task.at(22, .lost(records: 9))
    task.at(30, .wake(3))
    task.at(40, .park(3, 1))
    task.finish(at: 50)
    #expect(task.recorder.track(3).suffix(2) == ["unknown 22-40", "runnable 40-50…"])
  }

  @Test func aWakeOfTheGoneMakesNoGhost() {
    var task = OneTask()
    task.start()
    task.at(10, .spawn(2), .yield(1, 2))
    task.at(20, .end(2), .leave(2, 1))
    task.at(30, .wake(2))
    task.at(35, .lost(records: 3))
    task.at(40, .wake(2))
    task.finish(at: 50)
    #expect(task.recorder.track(2) == ["runnable 10-10", "running 10-20"])
    #expect(task.timeline.statistics.fibrils == 1)
  }

  @Test func aLostTeardownIsSeenByTheSwitchAway() {
    var task = OneTask()
    task.start()
    task.at(10, .spawn(2), .yield(1, 2))
    task.at(20, .lost(records: 1))
    task.at(30, .leave(2, 1))
    task.finish(at: 50)
    #expect(task.recorder.track(2) == ["runnable 10-10", "running 10-20", "unknown 20-30"])
  }

  @Test func endOfATaskEndsItsUnknowns() {
    var task = busy()
    task.at(22, .lost(records: 9))
    task.at(40, .taskStop(root: 1))
    task.at(45, .lost(records: 2))
    task.finish(at: 90)
    #expect(task.recorder.track(2).last == "unknown 22-40…")
    #expect(task.recorder.states.allSatisfy { $0.end <= 40 })
    #expect(task.timeline.statistics.lost == 11)
  }

  @Test func aFibrilFirstSeenInMidLifeStartsUnknown() {
    var task = OneTask(start: 5, from: 1000)
    task.at(10, .park(7, 8))
    task.at(20, .end(8), .leave(8, 0))
    task.finish(at: 30)
    #expect(task.recorder.track(7) == ["unknown 5-10", "blocked 10-30…"])
    #expect(task.recorder.track(8) == ["unknown 5-10", "running 10-20"])
    #expect(task.recorder.task(1) == ["unknown 5-10", "8 10-20", "asleep 20-30…"])
    #expect(task.recorder.fibrils.map(\.label.kind) == [.unknown, .unknown])
  }

  @Test func aFibrilWhoseSubmitWasLostStartsAtTheLoss() {
    var task = OneTask()
    task.start()
    task.at(10, .lost(records: 2))
    task.at(20, .yield(1, 9))
    task.finish(at: 30)
    #expect(task.recorder.track(9) == ["unknown 10-20", "running 20-30…"])
  }

  @Test func numbersAndTimesAtTheirLimits() {
    var task = OneTask()
    task.start()
    task.timeline.consume(
      Event(time: .max, task: 1, number: .max - 1, body: .lost(records: .max)), into: &task.recorder)
    task.timeline.consume(Event(time: .max, task: 1, number: .max, body: .yield(.max, 1)), into: &task.recorder)
    task.finish(at: .max)
    #expect(
      task.recorder.track(.max) == ["unknown \(UInt64.max)-\(UInt64.max)", "runnable \(UInt64.max)-\(UInt64.max)…"])
  }
}
