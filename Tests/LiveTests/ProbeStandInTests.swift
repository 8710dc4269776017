// Runtimes that are not this package's: the tracer takes what their probes bring, or says why not.
import Foundation
import Testing

@testable import BPFLoader
@testable import TraceEvents

@Suite struct ProbeStandInTests {
  /// Attaches to the program, lets it do its work to the end, and says what came of it.
  private func trace(
    _ program: ProbeStandIn, _ mode: ProbeStandIn.Mode, by way: AttachWay? = nil, fixedEntries: Bool = false
  ) throws -> (events: [Event], totals: TraceSession.Totals) {
    let subject = try Subject(program.path, [mode.rawValue])
    var files = try subject.waitUntilTraceable()
    if mode == .orphaned {
      while try #require(ProcessFolder(processID: subject.id)).mainThreadHasExited == false { usleep(1000) }
      files = try subject.waitUntilTraceable()
    }
    let session = try TraceSession(
      process: subject.id, files: files,
      options: TraceSession.Options(ringBytes: 1 << 20, usesFixedEntries: fixedEntries))
    if let way { try session.attach(by: [way], hasMainThread: true) } else { try session.attach() }
    try (subject.process.standardInput as? Pipe)?.fileHandleForWriting.close()
    subject.process.waitUntilExit()
    #expect(subject.process.terminationStatus == 0)
    var events: [Event] = []
    let totals = session.finish { events += $0 }
    return (events, totals)
  }

  private func isTeardown(_ event: Event) -> Bool {
    if case .teardown = event.body { true } else { false }
  }

  @Test(arguments: AttachWay.allCases)
  func recordsArrive(way: AttachWay) throws {
    let (events, totals) = try trace(ProbeStandIn(), .plain, by: way)
    #expect(events.map(\.number) == Array(0..<100) && events.allSatisfy { isTeardown($0) && $0.task == 7 })
    #expect(totals.lost == 0 && totals.batches == 1)
  }

  @Test func argumentsMayStandInOtherRegisters() throws {
    let (events, totals) = try trace(ProbeStandIn(flags: ProbeStandIn.otherRegisters), .plain)
    #expect(events.count == 100 && totals.lost == 0)
  }

  /// What the process is later is not mixed with what it was, although numbers begin anew.
  @Test func anotherProgramIsAnotherTrace() throws {
    let (events, totals) = try trace(ProbeStandIn(), .executing)
    #expect(events.map(\.number) == Array(0..<100) && totals.lost == 0 && totals.batches == 1)
    #expect(totals.processWasReplaced)
  }

  @Test func aMainThreadMayBeGone() throws {
    let (events, totals) = try trace(ProbeStandIn(), .orphaned)
    #expect(events.count == 100 && totals.lost == 0)
  }

  /// The program fetches the pages, unless it is loaded in the way of old kernels: then the loss is
  /// known.
  @Test(arguments: AttachWay.allCases, [false, true])
  func pagesMayHaveBeenTakenAway(way: AttachWay, fixedEntries: Bool) throws {
    let (events, totals) = try trace(ProbeStandIn(), .evicted, by: way, fixedEntries: fixedEntries)
    #expect(totals.records + totals.lost == 100)
    #expect(totals.records == (way.maySleep ? 100 : 0))
    #expect(UInt64(events.count(where: isTeardown)) == totals.records)
  }

  @Test(arguments: [false, true])
  func batchesThatMakeNoSenseAreLost(fixedEntries: Bool) throws {
    let (events, totals) = try trace(ProbeStandIn(), .hostile, fixedEntries: fixedEntries)
    #expect(totals.records == 100 && totals.lost == 100 + 1 << 15 + 1)
    #expect(events.count == 101 && events.dropFirst().allSatisfy(isTeardown))
    #expect(events[0].body == .lost(records: totals.lost))
  }

  /// The kernel may patch a longer nop into a call, which overwrites the red zone of compiled code.
  @Test func anUnsafeSiteIsRefused() throws {
    let program = try ProbeStandIn(flags: ProbeStandIn.longInstruction)
    let run = try ToolRun.fibril("trace", "-o", "-", "--", program.path)
    #expect(run.status == 1 && run.output == "")
    #expect(run.errors.hasPrefix("fibril: cannot trace \(program.path): the probe at offset "))
    #expect(run.errors.contains("is no 1-byte nop, which is unsafe; rebuild it with the probe sites of"))
  }
}
