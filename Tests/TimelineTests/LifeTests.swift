// The lives of fibrils, tasks and calls, when every event arrives.

import Testing
@testable import Timeline
import TraceEvents

@Suite struct LifeTests {
  @Test func closureFromSubmitToTeardown() {
    var task = OneTask()
    task.start()
    task.at(10, .spawn(2))
    task.at(20, .block(1, .join, 2), .park(1, 2))
    task.at(30, .block(2), .park(2, 0))
    task.at(40, .wake(2))
    task.at(45, .resume(2))
    task.at(50, .end(2), .wake(1, by: 2), .leave(2, 1))
    task.at(60, .taskStop(root: 1))
    task.finish(at: 100)

    #expect(
      task.recorder.track(2) == [
        "runnable 10-20", "running 20-30", "blocked(5 700) 30-40", "runnable 40-45", "running 45-50",
      ])
    #expect(task.recorder.track(1) == ["running 0-20", "blocked(3 2) 20-50", "runnable 50-50", "running 50-60"])
    #expect(task.recorder.task(1) == ["1 0-20", "2 20-30", "asleep 30-45", "2 45-50", "1 50-60"])
    #expect(task.recorder.flows(to: 2) == ["0 40 -> 45"])
    #expect(task.recorder.flows(to: 1) == ["2 50 -> 50"])
    #expect(task.recorder.tasks == [TaskAnnouncement(task: 1, threadID: 100, time: 0)])
    #expect(task.recorder.fibrils.map(\.label.kind) == [.root, .closure])
    #expect(task.recorder.fibrils[1].parent == 1)
    #expect(task.recorder.fibrils[1].entry == 0x1000)
    #expect(task.recorder.fibrils[1].label.name == 1)
  }

  @Test func runsUntilTheSwitchAwayFromIt() {
    var task = OneTask()
    task.start()
    task.at(10, .spawn(2), .block(1, .join, 2), .park(1, 2))
    task.at(20, .end(2))
    task.at(22, .wake(1, by: 2))
    task.at(24, .leave(2, 1))
    task.at(30, .spawn(3), .yield(1, 3))
    task.at(40, .end(3))
    task.at(45, .lost(records: 1))
    task.finish(at: 50)
    #expect(task.recorder.track(2) == ["runnable 10-10", "running 10-24"])
    #expect(task.recorder.flows(to: 1) == ["2 22 -> 24"])
    #expect(task.recorder.track(3) == ["runnable 30-30", "running 30-45"])
  }

  @Test func statistics() {
    var task = OneTask()
    task.start()
    task.at(10, .spawn(2), .call(3), .end(3))
    task.at(20, .yield(1, 2))
    task.at(30, .block(2), .park(2, 1))
    task.at(35, .block(1), .park(1, 0))
    task.at(40, .wake(2), .resume(2))
    task.at(50, .end(2), .leave(2, 0))
    task.at(50, .lost(records: 5))
    task.finish(at: 100)

    let statistics = task.timeline.statistics
    var counts = EventCounts()
    counts.submits = 2
    counts.blocks = 2
    counts.wakes = 1
    counts.switches = 2
    counts.sleeps = 2
    counts.resumes = 1
    counts.teardowns = 2
    #expect(statistics.counts == counts)
    #expect(statistics.events == 13)
    #expect(statistics.lost == 5)
    #expect(statistics.fibrils == 2)
    #expect(statistics.tasks == 1)
  }

  @Test func yieldsMakeRunnableWithoutFlow() {
    var task = OneTask()
    task.start()
    task.at(10, .spawn(2))
    task.at(20, .yield(1, 2))
    task.at(30, .yield(2, 1))
    task.finish(at: 40)
    #expect(task.recorder.track(1) == ["running 0-20", "runnable 20-30", "running 30-40…"])
    #expect(task.recorder.track(2) == ["runnable 10-20", "running 20-30", "runnable 30-40…"])
    #expect(task.recorder.task(1) == ["1 0-20", "2 20-30", "1 30-40…"])
    #expect(task.recorder.flows.isEmpty)
  }

  @Test func wakeOfOneThatIsNotBlockedChangesNothing() {
    var task = OneTask()
    task.start()
    task.at(10, .spawn(2))
    task.at(12, .wake(2, by: 1), .wake(1))
    task.at(20, .yield(1, 2))
    task.at(25, .wake(2), .wake(1, by: 2))
    task.at(30, .block(2), .park(2, 1))
    task.finish(at: 40)
    #expect(task.recorder.track(2) == ["runnable 10-20", "running 20-30", "blocked(5 700) 30-40…"])
    #expect(task.recorder.track(1) == ["running 0-20", "runnable 20-30", "running 30-40…"])
    #expect(task.recorder.flows.isEmpty)
  }

  @Test func secondWakeKeepsTheFirst() {
    var task = OneTask()
    task.start()
    task.at(10, .spawn(2), .yield(1, 2))
    task.at(20, .block(2), .park(2, 1))
    task.at(30, .wake(2, by: 1))
    task.at(32, .wake(2))
    task.at(40, .yield(1, 2))
    task.finish(at: 50)
    #expect(task.recorder.track(2).suffix(3) == ["blocked(5 700) 20-30", "runnable 30-40", "running 40-50…"])
    #expect(task.recorder.flows(to: 2) == ["1 30 -> 40"])
  }

  @Test func wokenBeforeTheSwitchAway() {
    // Blocked, and woken before its task had switched away: the switch still says "blocked".
    var task = OneTask()
    task.start()
    task.at(10, .spawn(2), .yield(1, 2))
    task.at(20, .block(2))
    task.at(22, .wake(2))
    task.at(24, .park(2, 1))
    task.at(30, .yield(1, 2))
    task.finish(at: 40)
    #expect(task.recorder.track(2).dropFirst(2) == ["blocked(5 700) 20-22", "runnable 22-30", "running 30-40…"])
    #expect(task.recorder.flows(to: 2) == ["0 22 -> 30"])
  }

  @Test func wokenAndNeverSwitchedAway() {
    // Blocked and woken at once, it goes on without any switch, and blocks again.
    var task = OneTask()
    task.start()
    task.at(10, .spawn(2), .yield(1, 2))
    task.at(20, .block(2))
    task.at(22, .wake(2))
    task.at(30, .block(2, .join, 9), .park(2, 1))
    task.finish(at: 40)
    #expect(task.recorder.track(2).dropFirst(2) == ["blocked(5 700) 20-22", "running 22-30", "blocked(3 9) 30-40…"])
    #expect(task.recorder.flows(to: 2) == ["0 22 -> 22"])
  }

  @Test func wakeOlderThanTheBlockIsClamped() {
    var task = OneTask()
    task.start()
    task.at(10, .spawn(2), .yield(1, 2))
    task.at(20, .block(2))
    task.at(15, .wake(2))
    task.at(20, .park(2, 1))
    task.at(30, .yield(1, 2))
    task.finish(at: 40)
    #expect(task.recorder.track(2).dropFirst(2) == ["blocked(5 700) 20-20", "runnable 20-30", "running 30-40…"])
    #expect(task.recorder.flows(to: 2) == ["0 15 -> 30"])
  }

  @Test func timeNeverRunsBackwards() {
    var task = OneTask(start: 100)
    task.start(at: 50)
    task.at(120, .spawn(2))
    task.at(110, .yield(1, 2))
    task.at(115, .end(2), .leave(2, 1))
    task.finish(at: 90)
    #expect(task.recorder.track(1) == ["running 100-120", "runnable 120-120", "running 120-120…"])
    #expect(task.recorder.track(2) == ["runnable 120-120", "running 120-120"])
    #expect(task.recorder.task(1) == ["1 100-120", "2 120-120", "1 120-120…"])
  }

  @Test func inlineCallLiesInItsParentsSlice() {
    var task = OneTask()
    task.start()
    task.at(10, .call(2))
    task.at(15, .end(2, -2))
    task.finish(at: 30)
    #expect(task.recorder.states.map(\.label.fibril) == [1], "an inline call has no states")
    #expect(task.recorder.calls.count == 1)
    let call = task.recorder.calls[0]
    #expect(call.isInline && !call.hasLoss && call.ending == .returned(-2))
    #expect(call.begin == 10 && call.end == 15 && call.call == 35)
    #expect(call.parent == FibrilLabel(fibril: 1, kind: .root))
    #expect(task.timeline.statistics.slowestCall?.duration == 5)
  }

  @Test func callWhoseParentDoesNotRunIsNotInline() {
    var task = OneTask()
    task.start()
    task.at(10, .call(2))
    task.at(12, .spawn(3), .yield(1, 3))
    task.at(15, .end(2))
    task.finish(at: 30)
    #expect(task.recorder.calls.map(\.isInline) == [false])
  }

  @Test func pendingCall() {
    var task = OneTask()
    task.start()
    task.at(5, .spawn(7), .yield(1, 7))
    task.at(10, .call(2, by: 7))
    task.at(12, .block(2, .call, 35))
    task.at(20, .wake(2))
    task.at(25, .end(2, 3))
    task.at(27, .call(3, by: 7), .block(3, .call, 35))
    task.finish(at: 30)
    #expect(task.recorder.track(2) == ["created 10-12", "blocked(1 35) 12-20", "runnable 20-25"])
    #expect(task.recorder.calls.map(\.isInline) == [false, false])
    #expect(task.recorder.calls.map(\.ending) == [.returned(3), .unfinished])
    #expect(task.recorder.calls[0].parent == FibrilLabel(fibril: 7, kind: .closure, name: 1))
    #expect(task.recorder.calls[1].end == 30)
    #expect(task.recorder.flows.isEmpty, "no switch follows the wake of a call")
    let slowest = TimelineStatistics.SlowCall(
      call: 35, duration: 15, caller: FibrilLabel(fibril: 7, kind: .closure, name: 1))
    #expect(task.timeline.statistics.slowestCall == slowest)
  }

  @Test func callThatBlocksItsFibrilCountsAsSlow() {
    var task = OneTask()
    task.start()
    task.at(10, .block(1, .call, 35), .park(1, 0))
    task.at(18, .wake(1), .resume(1))
    #expect(task.timeline.statistics.slowestCall?.duration == 8)
    #expect(task.timeline.statistics.slowestCall?.caller.kind == .root)
  }

  @Test func tasksAreIndependent() {
    // Lumps of two tasks, the later one first.
    var recorder = Recorder()
    var timeline = Timeline(start: 0)
    for (task, times) in [(UInt64(2), [50, 60, 70]), (1, [10, 20, 30])] {
      let root = task * 10
      timeline.consume(
        Event(time: UInt64(times[0]), task: task, number: 0, body: .taskStart(root: root, threadID: 5)), into: &recorder
      )
      timeline.consume(
        Event(time: UInt64(times[1]), task: task, number: 1, body: .park(root, 0)), into: &recorder)
      timeline.consume(Event(time: UInt64(times[2]), task: task, number: 2, body: .resume(root)), into: &recorder)
    }
    timeline.finish(at: 80, into: &recorder)
    #expect(recorder.task(1) == ["10 10-20", "asleep 20-30", "10 30-80…"])
    #expect(recorder.task(2) == ["20 50-60", "asleep 60-70", "20 70-80…"])
  }

  @Test func endOfATaskEndsWhatItLeavesBehind() {
    var task = OneTask()
    task.start()
    task.at(10, .spawn(2), .call(3), .block(3, .call, 35))
    task.at(20, .taskStop(root: 1))
    task.finish(at: 50)
    #expect(task.recorder.track(1) == ["running 0-20"])
    #expect(task.recorder.track(2) == ["runnable 10-20…"])
    #expect(task.recorder.calls.map(\.ending) == [.unfinished])
    #expect(task.recorder.task(1) == ["1 0-20"])
  }
}
