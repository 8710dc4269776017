// What a recording comes to, by hand.
import CFibrilContract
import Foundation
import GoldenFiles
import MadeRecordings
import Testing
import Texts
import Timeline
import TraceEvents

@testable import Metrics

@Suite struct MetricsRecorderTests {
  private static func durations(_ latency: LatencyFigures) -> [UInt64] {
    [latency.count, UInt64(latency.sum), latency.max]
  }

  @Test func everyStateIsSummedUp() throws {
    var story = try Story.worked()
    let figures = try #require(story.recorder.figures().processes.first)
    // 10-20, 90-95, 96-101 and 100-150.
    #expect(Self.durations(figures.runQueueWait) == [4, 70, 50])
    // The root's 0-20; 20-50, 95-101 and 101-150. The root runs on.
    #expect(Self.durations(figures.running) == [4, 105, 49])
    #expect(figures.blocked.map(\.reason) == ["join", "call", "mutex"])
    #expect(figures.blocked.map { Self.durations($0.latency) } == [[1, 80, 80], [1, 54, 54], [1, 40, 40]])
    #expect(figures.calls.map(\.call) == ["read"])
    #expect(Self.durations(figures.calls[0].latency) == [1, 54, 54])
    #expect(Self.durations(figures.closureLifetime) == [1, 90, 90])
    #expect(Self.durations(figures.callLifetime) == [2, 62, 59])
    #expect(figures.results.map { "\($0.name) \($0.count)" } == ["EAGAIN 1", "ENOENT 1", "ok 1"])
    #expect(figures.counts.submits == 4)
    #expect(figures.counts.teardowns == 3)
    #expect(figures.events == 20)
    #expect(figures.lost == 0)
  }

  @Test func whatLivesIsCountedAtTheMoment() throws {
    var story = try Story.worked()
    let figures = story.recorder.figures()
    let process = try #require(figures.processes.first)
    #expect(figures.time == 200)
    #expect(process.duration == 200)
    #expect(process.living.running == 1)
    #expect(process.living.blocked == 1)
    #expect(process.living.runnable == 0)
    #expect(process.living.reasons.map { "\($0.reason) \($0.count) \($0.oldest)" } == ["semaphore 1 50"])
    #expect(
      process.slowest.map { "\($0.fibril) \($0.name) \($0.state) \($0.reason) \($0.age)" } == [
        "5 worker blocked semaphore 50"
      ])
    // It slept from 50 to 95, and has run ever since.
    #expect(process.sleepTime == 45)
    #expect(process.busyTime == 155)
    #expect(process.tasks.map { [$0.task, UInt64($0.threadID), $0.busyTime, $0.fibrils] } == [[1, 77, 155, 2]])
    #expect(process.tasks[0].load == 155.0 / 200)
  }

  /// Events come before everything older has been told: a wait is no shorter for that.
  @Test func agesCountToTheLatestEvent() throws {
    var story = Story()
    story.start(1, at: 0)
    story.block(1, FIBRIL_REASON_MUTEX, at: 500)
    story.turn(1, 0, FIBRIL_STATE_BLOCKED, at: 520)
    try story.tell(until: 400)
    #expect(story.recorder.figures().processes[0].living.reasons[0].oldest == 20)
  }

  /// A task that began a moment ago has been busy for all its life.
  @Test func aYoungTaskCanBeBusy() throws {
    var story = try Story.worked()
    let later: UInt64 = 60_000_000_000
    for second in 1...59 as ClosedRange<UInt64> { story.recorder.mark(second * 1_000_000_000) }
    var young = TaskRecords()
    young.add(FIBRIL_RECORD_TASK_START, time: later - 1000, fibril: 100, arg: 78)
    try young.tell(&story.recorder, task: 2, process: 0)
    story.recorder.mark(later)
    #expect(story.recorder.figures().processes[0].tasks.map(\.load) == [1, 1])
    // The first one sleeps from now on, for half of what is looked at.
    story.turn(1, 0, FIBRIL_STATE_RUNNABLE, at: later)
    try story.tell(until: later)
    for second in 1...4 as ClosedRange<UInt64> { story.recorder.mark(later + second * 1_000_000_000) }
    let load = story.recorder.figures().processes[0].tasks[0].load
    #expect(load > 0.4 && load < 0.6, "\(load)")
  }

  /// Who submits a fibril and runs on for long is just what lets it wait.
  @Test func aFibrilThatIsLetWaitIsThere() throws {
    var story = Story()
    story.start(1, at: 0)
    story.spawn(2, by: 1, at: 10)
    try story.tell(until: 1000)
    let process = try #require(story.recorder.figures().processes.first)
    #expect(process.counts.submits == 1)
    #expect([process.living.runnable, process.living.oldestRunnable] == [1, 990])
    #expect(process.slowest.map(\.name) == ["worker"])
  }

  @Test func timeOfATaskNeverDecreases() throws {
    var story = try Story.worked()
    try story.tell(until: 1000)
    let before = try #require(story.recorder.figures().processes.first).busyTime
    #expect(before == 955)
    // The last record before the loss is of 150: nobody knows what the task did since.
    try TaskRecords(from: 500).tell(&story.recorder, task: 1, process: 0)
    story.recorder.end(task: 1, at: 500, of: 0)
    story.recorder.mark(1100)
    let after = try #require(story.recorder.figures().processes.first)
    #expect(after.busyTime == before)
    #expect(after.lost > 0)
  }

  @Test func whatALossCutsIsNoDuration() throws {
    var story = Story()
    story.start(1, at: 0)
    story.spawn(2, by: 1, at: 10)
    try story.tell(until: 20)
    var later = TaskRecords(from: 100)
    later.add(FIBRIL_RECORD_SWITCH, time: 5000, fibril: 2, arg: 1, arg32: FIBRIL_STATE_RUNNABLE.rawValue)
    later.add(FIBRIL_RECORD_SWITCH, time: 5010, fibril: 1, arg: 2, arg32: FIBRIL_STATE_RUNNABLE.rawValue)
    try later.tell(&story.recorder, task: 1, process: 0)
    story.recorder.mark(6000)
    let figures = try #require(story.recorder.figures().processes.first)
    #expect(Self.durations(figures.runQueueWait) == [1, 10, 10])
    #expect(Self.durations(figures.running) == [1, 10, 10])
  }

  /// Its stop was lost. Whatever lives when all of the process ends is there to the last.
  @Test(arguments: [false, true]) func aTaskThatEndsIsNoMore(endsAtOnce: Bool) throws {
    var story = try Story.worked()
    let before = try #require(story.recorder.figures().processes.first)
    story.recorder.end(task: 1, at: 500, of: 0)
    if endsAtOnce {
      story.recorder.end(0, .traceEnded, at: 300)
    } else {
      story.recorder.mark(300)
      #expect(story.recorder.figures().processes[0].lost > 0)
    }
    let after = try #require(story.recorder.figures().processes.first)
    #expect(after.tasks.count == (endsAtOnce ? 1 : 0))
    #expect(after.living.unknown == (endsAtOnce ? 2 : 0))
    #expect(after.busyTime >= before.busyTime)
    #expect(Self.durations(after.running) == Self.durations(before.running))
  }

  /// A fibril runs on after its teardown until the switch away from it; nobody knows when that was.
  @Test func whatALossCutsAfterATeardownIsNoDuration() throws {
    var story = Story()
    story.start(1, at: 0)
    story.spawn(2, by: 1, at: 10)
    story.block(1, FIBRIL_REASON_JOIN, object: 2, at: 20)
    story.turn(1, 2, FIBRIL_STATE_BLOCKED, at: 20)
    story.end(2, at: 50)
    try story.tell(until: 60)
    story.recorder.end(task: 1, at: 500, of: 0)
    story.recorder.mark(100)
    #expect(Self.durations(story.recorder.figures().processes[0].running) == [1, 20, 20])
  }

  @Test func anIntervalHasItsOwnLatencies() throws {
    var story = try Story.worked()
    #expect(story.recorder.figures(ofInterval: true).processes[0].runQueueWait.count == 4)
    #expect(story.recorder.figures(ofInterval: true).processes[0].runQueueWait.count == 0)
    story.turn(1, 0, FIBRIL_STATE_RUNNABLE, at: 250)
    story.turn(0, 1, FIBRIL_STATE_NONE, at: 350)
    try story.tell(until: 400)
    let interval = story.recorder.figures(ofInterval: true).processes[0]
    #expect(Self.durations(interval.runQueueWait) == [1, 100, 100])
    #expect(interval.blocked.isEmpty)
    #expect(interval.counts.switches == 3)
    #expect(Self.durations(story.recorder.figures().processes[0].runQueueWait) == [5, 170, 100])
  }

  @Test func whoEndsBelongsToOneInterval() throws {
    var story = try Story.worked()
    _ = story.recorder.figures(ofInterval: true)
    story.turn(1, 0, FIBRIL_STATE_RUNNABLE, at: 250)
    story.turn(0, 1, FIBRIL_STATE_NONE, at: 350)
    try story.tell(until: 400)
    story.recorder.end(0, .exited(status: 0), at: 500)
    let interval = story.recorder.figures(ofInterval: true)
    #expect(interval.processes.map(\.ending) == [.exited(status: 0)])
    #expect(Self.durations(interval.processes[0].runQueueWait) == [1, 100, 100])
    #expect(interval.processes[0].counts.submits == 4)
    #expect(story.recorder.figures(ofInterval: true).processes.isEmpty)
    #expect(Self.durations(story.recorder.figures().processes[0].runQueueWait) == [5, 170, 100])
  }

  @Test func onlyTheLatestOfTheEndedAreKept() throws {
    var recorder = MetricsRecorder(mostEnded: 3)
    for index in 0..<10 {
      recorder.begin(
        RecordedProcess(index: index, processID: Int32(index + 1), command: "p", clock: .monotonic, begin: 1))
      try TaskRecords.yielding(5, root: 1, thread: 7, from: 10).tell(&recorder, task: 1, process: index)
      recorder.end(index, .exited(status: 0), at: 1000)
    }
    let figures = recorder.figures()
    #expect(figures.processes.map(\.process.index) == [7, 8, 9])
    #expect(figures.endedProcesses == 10)
    #expect(figures.forgottenProcesses == 7)
    #expect(figures.events == 10 * figures.processes[0].events)
    #expect(figures.processes.allSatisfy { $0.ending == .exited(status: 0) && $0.tasks.isEmpty && $0.slowest.isEmpty })
  }

  @Test func hostileNumbersMakeNoMoreSeries() throws {
    var story = Story()
    story.start(1, at: 0)
    for number in 0..<2000 as Range<UInt64> {
      let time = 10 + number * 10
      story.block(1, FIBRIL_REASON_CALL, object: number &* 0x1_0000_0001, at: time)
      story.wake(1, at: time + 5)
      story.block(1, fibril_reason(UInt32(number)), object: 0, at: time + 6)
      story.wake(1, at: time + 8)
    }
    try story.tell(until: 100_000)
    let process = try #require(story.recorder.figures().processes.first)
    #expect(process.calls.count <= 64)
    #expect(process.blocked.count == 11)
    #expect(process.blocked.reduce(0) { $0 + $1.latency.count } == 4000)
    #expect(process.calls.reduce(0) { $0 + $1.latency.count } == 2001)
  }

  /// A name that has a count of its own keeps it, and `other` only grows, whatever comes later.
  @Test func countsAreNeverTakenBack() throws {
    var story = Story()
    story.start(1, at: 0)
    var (fibril, now): (UInt64, UInt64) = (2, 0)
    var (results, calls): ([String: UInt64], [String: UInt64]) = ([:], [:])
    for round in 1...4 as ClosedRange<UInt64> {
      // The later a number comes, the more often it does.
      for number in 1...100 as ClosedRange<UInt64> where number <= 25 * round {
        for _ in 0..<number {
          now += 10
          story.submit(fibril, call: UInt32(number), by: 1, at: now)
          story.block(fibril, FIBRIL_REASON_CALL, object: number, at: now)
          story.wake(fibril, at: now + 5)
          story.end(fibril, -Int64(number), at: now + 6)
          fibril += 1
        }
      }
      now += 10
      story.submit(fibril, call: 0, by: 1, at: now)
      story.end(fibril, 0, at: now)
      fibril += 1
      try story.tell(until: now + 10)
      let process = try #require(ChosenProcesses(story.recorder.figures().processes).processes.first)
      #expect(process.results.count <= 64 && process.calls.count <= 64)
      #expect(process.results.reduce(0) { $0 + $1.count } == process.counts.teardowns)
      let newResults = Dictionary(uniqueKeysWithValues: process.results.map { ($0.name, $0.count) })
      let newCalls = Dictionary(uniqueKeysWithValues: process.calls.map { ($0.call, $0.latency.count) })
      for (name, count) in results { #expect(newResults[name] ?? 0 >= count, "\(name)") }
      for (name, count) in calls { #expect(newCalls[name] ?? 0 >= count, "\(name)") }
      #expect(newResults["ok"] == round)
      (results, calls) = (newResults, newCalls)
    }
  }

  @Test func asJSON() throws {
    var story = try Story.worked()
    let tracer = TracerFigures(
      version: "1.2.3", unixTime: 1_764_547_200.123, processorTime: 1_250_000_000, residentBytes: 23)
    let json = String(decoding: story.recorder.figures().json(of: tracer).bytes, as: UTF8.self)
    let object = try JSONSerialization.jsonObject(with: Data(json.utf8))
    let pretty = try JSONSerialization.data(withJSONObject: object, options: [.prettyPrinted, .sortedKeys])
    #expect(try GoldenFile("figures.json", in: .module).difference(to: String(decoding: pretty, as: UTF8.self)) == nil)
  }

  @Test(arguments: 1...300) func nothingHurts(seed: UInt64) throws {
    var teller = AnyTeller(seed: seed)
    var recorder = MetricsRecorder(mostEnded: 2)
    for step in 0..<60 {
      try teller.tell(&recorder)
      guard step % 10 == 9 else { continue }
      let figures = recorder.figures(ofInterval: seed % 2 == 0)
      let tracer = TracerFigures(version: "", unixTime: 0, processorTime: 0, residentBytes: 0)
      _ = try JSONSerialization.jsonObject(with: Data(figures.json(of: tracer).bytes))
      for process in figures.processes {
        for latency in [process.runQueueWait, process.running] + process.blocked.map(\.latency) {
          #expect(latency.buckets.reduce(0, +) == latency.count)
          #expect(latency.p50 <= latency.p90 && latency.p90 <= latency.p99 && latency.p99 <= latency.p999)
          #expect(latency.p999 <= latency.max)
        }
      }
    }
  }
}
