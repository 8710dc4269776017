// The way from the probe to the events, without the command around it: nothing is lost unseen,
// whichever way the probes are attached.
import Foundation
import Inspection
import Testing

@testable import BPFLoader
@testable import TraceEvents

@Suite struct TraceSessionTests {
  let workload = builtPrograms.appending(path: "fibril-workload").path

  private func session(of subject: Subject, ringBytes: Int = 1 << 26) throws -> TraceSession {
    try TraceSession(
      process: subject.id, files: subject.waitUntilTraceable(), options: TraceSession.Options(ringBytes: ringBytes))
  }

  private func waitUntilParked(_ subject: Subject, _ count: Int) throws {
    _ = try subject.wait { DumpTests.isParked($0, count) && $0.tasks.allSatisfy { $0.running == 0 } }
  }

  /// How many records its tasks have made. Without a tracer they make no more.
  private func produced(by subject: Subject) throws -> UInt64 {
    try subject.wait { _ in true }.tasks.reduce(0) { $0 + $1.nextNumber }
  }

  private func expectWhole(_ events: [Event], _ totals: TraceSession.Totals) {
    var next: [UInt64: UInt64] = [:]
    var lost: UInt64 = 0
    for event in events {
      #expect(event.number >= next[event.task] ?? 0)
      next[event.task] = event.number + 1
      if case .lost(let records) = event.body {
        lost += records
        next[event.task] = event.number + records
      }
    }
    #expect(lost == totals.lost)
  }

  @Test(arguments: AttachWay.allCases, [true, false])
  func everyRecordArrives(way: AttachWay, hasMainThread: Bool) throws {
    // Without a main thread to find it by, all processes that run the file have their probes attached:
    // this one must have the file for itself.
    let folder = try TemporaryFolder()
    let copy = folder.file("workload")
    // By another process: a child that another test starts must not inherit a descriptor that writes it.
    #expect(try ToolRun("/bin/cp", [workload, copy]).status == 0)
    let subject = try Subject(
      copy,
      [
        "--tasks", "2", "--fibrils", "500", "--blocks", "20", "--kind", "yield", "--park", "60", "--wait-for-tracer",
        "60",
      ])
    let session = try session(of: subject)
    try session.attach(by: [way], hasMainThread: hasMainThread)
    try waitUntilParked(subject, 1000)
    var events: [Event] = []
    while session.collect({ events += $0 }) {}
    let totals = session.finish { events += $0 }
    let produced = try produced(by: subject)
    #expect(totals.lost == 0 && totals.tasks == 2)
    expectWhole(events, totals)
    if way == .uprobeMulti {
      #expect(totals.records == produced && totals.batches > 10)
      #expect(events.count { if case .submitClosure = $0.body { true } else { false } } == 1000)
      #expect(events.count { if case .switch = $0.body { true } else { false } } >= 20_000)
    } else {
      // libbpf raises the semaphore, which the workload waits for, before it attaches the program.
      let firsts = Dictionary(events.map { ($0.task, $0.number) }, uniquingKeysWith: { first, _ in first })
      #expect(totals.records + firsts.values.reduce(0, +) == produced)
    }
  }

  /// What a sleeping task keeps in its buffer is read from there.
  @Test func whatIsNotFlushedIsRead() throws {
    let subject = try Subject(
      workload, ["--tasks", "1", "--fibrils", "5", "--blocks", "1", "--park", "60", "--wait-for-tracer", "60"])
    let session = try session(of: subject)
    try session.attach()
    try waitUntilParked(subject, 5)
    var events: [Event] = []
    // A task's first look shows how much it has flushed, the second that it has not since.
    for _ in 0..<2 { while session.collect({ events += $0 }) {} }
    #expect(events.count { if case .submitClosure = $0.body { true } else { false } } == 5)
    #expect(events.contains { if case .switch(_, 0, _) = $0.body { true } else { false } })
    let totals = session.finish { events += $0 }
    #expect(try totals.records == produced(by: subject) && totals.lost == 0)
    expectWhole(events, totals)
  }

  /// Received and lost make up what was made, to the record, when the ring is far too small.
  @Test func lossIsExact() throws {
    let subject = try Subject(
      workload,
      [
        "--tasks", "2", "--fibrils", "300", "--blocks", "200", "--kind", "yield", "--park", "60", "--wait-for-tracer",
        "60",
      ])
    let session = try session(of: subject, ringBytes: 1 << 16)
    try session.attach()
    // Nobody reads meanwhile.
    try waitUntilParked(subject, 600)
    var events: [Event] = []
    let totals = session.finish { events += $0 }
    #expect(totals.lost > 100_000)
    #expect(try totals.records + totals.lost == produced(by: subject))
    #expect(totals.batches <= 2)
    expectWhole(events, totals)
  }

  @Test func aKilledProcessLeavesItsRecords() throws {
    let subject = try Subject(
      workload, ["--tasks", "2", "--fibrils", "50", "--blocks", "5", "--park", "60", "--wait-for-tracer", "60"])
    let session = try session(of: subject)
    try session.attach()
    try waitUntilParked(subject, 100)
    // The buffers are found while it lives; nothing is read from them.
    session.findBuffers()
    let folder = try #require(ProcessFolder(processID: subject.id))
    guard let buffers = BufferFile(of: folder) else { throw Subject.Lateness() }
    kill(subject.id, SIGKILL)
    subject.process.waitUntilExit()
    let produced = (0..<buffers.count).reduce(0) { $0 + (buffers.header(at: $1)?.head ?? 0) }
    var events: [Event] = []
    let totals = session.finish { events += $0 }
    #expect(totals.records == produced && totals.lost == 0 && totals.endIsKnown)
    expectWhole(events, totals)
  }

  @Test func anUnknownEndIsSaid() throws {
    let subject = try Subject(
      workload, ["--fibrils", "50", "--blocks", "5", "--park", "60", "--wait-for-tracer", "60"])
    let session = try session(of: subject)
    try session.attach()
    try waitUntilParked(subject, 50)
    kill(subject.id, SIGKILL)
    subject.process.waitUntilExit()
    #expect(!session.finish { _ in }.endIsKnown)
  }

  /// A second trace begins where it is attached: nothing of the first comes again, and the numbers
  /// go on without a gap.
  @Test func aSecondTraceBeginsAnew() throws {
    let subject = try Subject(
      workload, ["--tasks", "1", "--fibrils", "20", "--blocks", "1000000", "--wait-for-tracer", "60"])
    let first = try session(of: subject)
    try first.attach()
    _ = try subject.wait { $0.tasks.contains { $0.counts.switches > 200 } }
    var events: [Event] = []
    let totals = first.finish { events += $0 }
    #expect(totals.lost == 0)
    let second = try session(of: subject)
    try second.attach()
    let reached = try subject.wait { _ in true }.tasks[0].counts.switches
    _ = try subject.wait { $0.tasks[0].counts.switches > reached + 200 }
    var later: [Event] = []
    let laterTotals = second.finish { later += $0 }
    #expect(laterTotals.lost == 0 && laterTotals.records > 200)
    #expect(later[0].number >= events.last!.number)
    #expect(later[0].time >= events.last!.time)
    #expect(!later.contains { if case .submitClosure = $0.body { true } else { false } })
    expectWhole(later, laterTotals)
  }

  /// Times are CLOCK_MONOTONIC, and those of one task run forward but for wakes, which have their
  /// waker's.
  @Test func timesAreMonotonic() throws {
    let subject = try Subject(
      workload, ["--tasks", "2", "--fibrils", "50", "--blocks", "20", "--park", "60", "--wait-for-tracer", "60"])
    let session = try session(of: subject)
    let start = ClockPair.now().nanoseconds
    try session.attach()
    try waitUntilParked(subject, 100)
    let end = ClockPair.now().nanoseconds
    var events: [Event] = []
    _ = session.finish { events += $0 }
    var last: [UInt64: UInt64] = [:]
    #expect(events.count > 5000)
    for event in events {
      #expect(event.time >= start && event.time <= end)
      if case .wake = event.body { continue }
      #expect(event.time >= last[event.task] ?? 0)
      last[event.task] = event.time
    }
  }
}
