// The way from the probe to the events, without the command around it: nothing is lost unseen,
// whichever way the probes are attached.
import Foundation
import Inspection
import Testing

@testable import BPFLoader
@testable import TraceEvents

@Suite struct TraceSessionTests {
  let workload = builtPrograms.appending(path: "fibril-workload").path

  private func session(_ subject: Subject, _ options: TraceSession.Options = .init()) throws -> TraceSession {
    try subject.waitUntilTraceable()
    return TraceSession(scope: .processes([subject.id]), options: options)
  }

  private func waitUntilParked(_ subject: Subject, _ count: Int) throws {
    _ = try subject.wait { DumpTests.isParked($0, count) && $0.tasks.allSatisfy { $0.running == 0 } }
  }

  /// How many records its tasks have made. Without a tracer they make no more.
  private func produced(by subject: Subject) throws -> UInt64 {
    try subject.wait { _ in true }.tasks.reduce(0) { $0 + $1.nextNumber }
  }

  @Test(arguments: AttachWay.allCases, [false, true])
  func everyRecordArrives(way: AttachWay, attachesByFile: Bool) throws {
    let own = try OwnProgram(workload)
    let subject = try Subject(
      attachesByFile ? own.path : workload,
      [
        "--tasks", "2", "--fibrils", "500", "--blocks", "20", "--kind", "yield", "--park", "60", "--wait-for-tracer",
        "60",
      ])
    var options = TraceSession.Options()
    options.ways = [way]
    options.attachesByFile = attachesByFile
    let session = try session(subject, options)
    // libbpf raises the semaphore, which the workload waits for, before it attaches the program.
    try subject.hold()
    try session.attach()
    subject.goOn()
    try waitUntilParked(subject, 1000)
    var trace = RecordedTrace()
    while try session.collect(into: &trace) {}
    let totals = try session.finish(into: &trace)
    let produced = try produced(by: subject)
    let image = try trace.only()
    #expect(image.lost == 0 && totals.endIsKnown && image.ending == .traceEnded)
    #expect(Set(image.begins.values) == [0] && image.begins.count == 2, "\(image.begins) \(image.ends) \(produced)")
    #expect(image.received == produced && totals.batches > 10)
    #expect(image.submits == 1000)
    #expect(image.count { if case .switch = $0 { true } else { false } } >= 20_000)
  }

  /// What tasks keep in their buffers is read from there, and then all is told up to that moment.
  @Test func whatIsNotFlushedIsRead() throws {
    let subject = try Subject(
      workload, ["--tasks", "1", "--fibrils", "5", "--blocks", "1", "--park", "60", "--wait-for-tracer", "60"])
    let session = try session(subject)
    try session.attach()
    try waitUntilParked(subject, 5)
    let parked = ClockPair.now().nanoseconds
    var trace = RecordedTrace()
    try session.collect(into: &trace) { $0.marks.contains { $0 > parked } }
    #expect(try trace.only().submits == 5)
    #expect(try trace.only().received == trace.only().decoder.expectedNumber(ofTask: 1))
    _ = try session.finish(into: &trace)
    #expect(try trace.only().received == produced(by: subject) && trace.lost == 0)
  }

  @Test func aKilledProcessLeavesItsRecords() throws {
    let subject = try Subject(
      workload, ["--tasks", "2", "--fibrils", "50", "--blocks", "5", "--park", "60", "--wait-for-tracer", "60"])
    let session = try session(subject)
    try session.attach()
    try waitUntilParked(subject, 100)
    let folder = try #require(ProcessFolder(processID: subject.id))
    guard let buffers = BufferFile(of: folder) else { throw Subject.Lateness() }
    kill(subject.id, SIGKILL)
    subject.process.waitUntilExit()
    let produced = (0..<buffers.count).reduce(0) { $0 + (buffers.header(at: $1)?.head ?? 0) }
    var trace = RecordedTrace()
    // The session has never looked at the buffers: the kernel's programs have saved what was in them, but the names.
    trace.mayLackNames = true
    let totals = try session.collectToTheEnd(into: &trace)
    let image = try trace.only()
    #expect(image.received == produced && image.lost == 0 && totals.endIsKnown)
    #expect(image.ending == .exited(status: SIGKILL))
  }

  /// Without the kernel's programs at ends, and before the buffers were found.
  @Test func anUnknownEndIsSaid() throws {
    let subject = try Subject(
      workload, ["--fibrils", "50", "--blocks", "5", "--park", "60", "--wait-for-tracer", "60"])
    var options = TraceSession.Options()
    options.usesSchedulerEvents = false
    let session = try session(subject, options)
    try session.attach()
    try waitUntilParked(subject, 50)
    kill(subject.id, SIGKILL)
    subject.process.waitUntilExit()
    var trace = RecordedTrace()
    trace.mayLackNames = true
    let totals = try session.finish(into: &trace)
    // Unless they were found when the probes had just been attached: then there are names.
    #expect(try totals.endIsKnown == !trace.only().names.isEmpty)
    #expect(try trace.only().ending == .exited(status: nil))
  }

  /// A second trace begins where it is attached: nothing of the first comes again, and the numbers
  /// go on without a gap.
  @Test func aSecondTraceBeginsAnew() throws {
    let subject = try Subject(
      workload, ["--tasks", "1", "--fibrils", "20", "--blocks", "1000000", "--wait-for-tracer", "60"])
    let first = try session(subject)
    try first.attach()
    _ = try subject.wait { $0.tasks.contains { $0.counts.switches > 200 } }
    var trace = RecordedTrace()
    _ = try first.finish(into: &trace)
    #expect(trace.lost == 0)
    let second = try session(subject)
    try second.attach()
    let reached = try subject.wait { _ in true }.tasks[0].counts.switches
    _ = try subject.wait { $0.tasks[0].counts.switches > reached + 200 }
    var later = RecordedTrace()
    _ = try second.finish(into: &later)
    let (earlier, image) = (try trace.only(), try later.only())
    #expect(image.lost == 0 && image.received > 200)
    #expect(try #require(image.begins[1]) >= #require(earlier.ends[1]))
    #expect(image.events[0].time >= earlier.events.last!.time)
    #expect(image.submits == 0)
  }

  /// Up to the moment at which it begins to detach everything is told, and nothing that is younger.
  @Test func aTraceEndsAtOneMoment() throws {
    let subject = try Subject(workload, ["--tasks", "2", "--fibrils", "4", "--blocks", "1000000"])
    _ = try subject.wait { $0.tasks.count == 2 && $0.tasks.allSatisfy { $0.counts.switches > 200 } }
    let folder = try #require(ProcessFolder(processID: subject.id))
    guard let buffers = BufferFile(of: folder) else { throw Subject.Lateness() }
    var compared = 0
    for _ in 0..<20 {
      let session = try session(subject)
      try session.attach()
      var trace = RecordedTrace()
      try session.collect(into: &trace) { $0.received > 100 }
      session.detach()
      _ = try session.finish(into: &trace)
      let image = try trace.only()
      #expect(image.lost == 0 && image.events.allSatisfy { $0.time <= session.end })
      for index in 0..<buffers.count {
        guard let header = buffers.header(at: index), let end = image.ends[header.task],
          let rest = buffers.records(at: index, from: end), rest.first == end
        else { continue }
        var decoder = RecordDecoder()
        var clock = image.clock
        var events: [Event] = []
        decoder.begin(task: header.task, at: end)
        decoder.decode(rest, isLast: true, clock: &clock, into: &events)
        guard let next = events.first else { continue }
        compared += 1
        #expect(next.time > session.end)
      }
    }
    #expect(compared > 0)
  }

  /// Times are CLOCK_MONOTONIC, and those of one task run forward but for wakes, which have their
  /// waker's.
  @Test func timesAreMonotonic() throws {
    let subject = try Subject(
      workload, ["--tasks", "2", "--fibrils", "50", "--blocks", "20", "--park", "60", "--wait-for-tracer", "60"])
    let session = try session(subject)
    let start = ClockPair.now().nanoseconds
    try session.attach()
    try waitUntilParked(subject, 100)
    let end = ClockPair.now().nanoseconds
    var trace = RecordedTrace()
    _ = try session.finish(into: &trace)
    var last: [UInt64: UInt64] = [:]
    let events = try trace.only().events
    #expect(events.count > 5000)
    for event in events {
      #expect(event.time >= start && event.time <= end)
      if case .wake = event.body { continue }
      #expect(event.time >= last[event.task] ?? 0)
      last[event.task] = event.time
    }
  }
}
