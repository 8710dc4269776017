// What is lost is counted to the record, of each task, and where it was lost is known.
import Foundation
import Inspection
import Testing
import Timeline

@testable import BPFLoader
@testable import TraceEvents

@Suite struct AccountingTests {
  let workload = builtPrograms.appending(path: "fibril-workload").path

  /// The workload parks when it is done, and says then in its table what each task has made.
  private func overload(_ tasks: Int) throws -> (subject: Subject, session: TraceSession) {
    let subject = try Subject(
      workload,
      [
        "--tasks", "\(tasks)", "--fibrils", "300", "--blocks", "200", "--kind", "yield", "--park", "60",
        "--wait-for-tracer", "60",
      ])
    try subject.waitUntilTraceable()
    let session = TraceSession(scope: .processes([subject.id]), options: TraceSession.Options(ringBytes: 1 << 16))
    try session.attach()
    return (subject, session)
  }

  private func parked(_ subject: Subject, _ count: Int) throws -> ProcessSnapshot {
    try subject.wait { DumpTests.isParked($0, count) && $0.tasks.allSatisfy { $0.running == 0 } }
  }

  /// Nobody reads the ring until all is over, or somebody does all the time and cannot keep up; then the process is
  /// killed, or goes on.
  @Test(arguments: [false, true], [false, true])
  func receivedAndLostAreWhatWasMade(isRead: Bool, isKilled: Bool) throws {
    let (subject, session) = try overload(2)
    var trace = RecordedTrace()
    trace.mayLackNames = true
    let end: ProcessSnapshot
    if isRead {
      var latest: ProcessSnapshot?
      try session.collect(into: &trace) { _ in
        latest = try? ProcessInspector(processID: subject.id).read().snapshot
        return latest.map { DumpTests.isParked($0, 600) && $0.tasks.allSatisfy { $0.running == 0 } } == true
      }
      end = try #require(latest)
    } else {
      end = try parked(subject, 600)
    }
    if isKilled {
      kill(subject.id, SIGKILL)
      subject.process.waitUntilExit()
    }
    let totals = try isKilled ? session.collectToTheEnd(into: &trace) : session.finish(into: &trace)
    let image = try trace.only()
    #expect(image.begins.count == 2 && totals.endIsKnown)
    #expect(image.ending == (isKilled ? .exited(status: SIGKILL) : .traceEnded))
    for task in end.tasks {
      #expect(image.begins[task.task] == 0 && image.ends[task.task] == task.nextNumber)
      let lost: UInt64 = image.events.reduce(0) { sum, event in
        if case .lost(let records) = event.body, event.task == task.task { sum + records } else { sum }
      }
      #expect(lost == image.lost(ofTask: task.task) && (isRead || lost > 50_000))
    }
    let made: UInt64 = end.tasks.reduce(0) { $0 + $1.nextNumber }
    #expect(image.received + image.lost == made)
  }

  /// Every fibril that a gap may have touched is UNKNOWN for that time, and each is in the end what it is.
  @Test func whatALossMayHaveTouchedIsUnknown() throws {
    let (subject, session) = try overload(1)
    var trace = RecordedTrace()
    trace.mayLackNames = true
    let end = try parked(subject, 300)
    // From here on all is told: what the fibrils do next makes them known again.
    try session.collect(into: &trace) { !$0.marks.isEmpty }
    kill(subject.id, SIGKILL)
    subject.process.waitUntilExit()
    _ = try session.collectToTheEnd(into: &trace)
    let image = try trace.only()
    var timeline = Timeline(start: image.process.begin)
    var slices = Slices()
    for event in image.events { timeline.consume(event, into: &slices) }
    timeline.finish(at: ClockPair.now().nanoseconds, into: &slices)
    let gaps = image.events.count { if case .lost = $0.body { true } else { false } }
    #expect(gaps > 0 && slices.lost == image.lost && !slices.states.isEmpty)
    // The buffer's last thousand records hold each fibril's last block: all are known to be parked.
    let parked = end.fibrils.filter { $0.state == .blocked && !$0.isRoot }
    #expect(parked.count == 300)
    for fibril in parked {
      let last = try #require(slices.states[fibril.fibril])
      #expect(last.state == .blocked && last.reason == fibril.reason)
    }
    // Nobody was seen to be submitted twice, or to end.
    #expect(image.teardowns == 0 && slices.unknown > 0)
  }
}

/// The last state of each fibril, and how often one was UNKNOWN.
private struct Slices: TimelineSink {
  var states: [UInt64: StateSlice] = [:]
  var unknown = 0
  var lost: UInt64 = 0

  mutating func announce(_ task: TaskAnnouncement) {}
  mutating func announce(_ fibril: FibrilAnnouncement) {}
  mutating func consume(_ slice: StateSlice) {
    if slice.state == .unknown { unknown += 1 }
    states[slice.label.fibril] = slice
  }
  mutating func consume(_ slice: TaskSlice) {}
  mutating func consume(_ slice: CallSlice) {}
  mutating func consume(_ flow: WakeFlow) {}
  mutating func consume(_ range: LostRange) { lost += range.records }
}
