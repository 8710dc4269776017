// Runtimes that are not this package's: the tracer takes what their probes bring, or says why not.
import Foundation
import Testing

@testable import BPFLoader
@testable import TraceEvents

@Suite struct ProbeStandInTests {
  /// Attaches to the program, lets it do its work to the end, and says what came of it.
  private func trace(
    _ program: ProbeStandIn, _ mode: ProbeStandIn.Mode, by way: AttachWay? = nil, fixedEntries: Bool = false
  ) throws -> (trace: RecordedTrace, totals: TraceSession.Totals) {
    let subject = try Subject(program.path, [mode.rawValue])
    try subject.waitUntilTraceable()
    if mode == .orphaned {
      while try #require(ProcessFolder(processID: subject.id)).mainThreadHasExited == false { usleep(1000) }
      try subject.waitUntilTraceable()
    }
    var options = TraceSession.Options(ringBytes: 1 << 20)
    options.usesFixedEntries = fixedEntries
    if let way { options.ways = [way] }
    let session = TraceSession(scope: .processes([subject.id]), options: options)
    try session.attach()
    try (subject.process.standardInput as? Pipe)?.fileHandleForWriting.close()
    subject.process.waitUntilExit()
    #expect(subject.process.terminationStatus == 0)
    var trace = RecordedTrace()
    let totals = try session.collectToTheEnd(into: &trace)
    return (trace, totals)
  }

  private func isTeardown(_ event: Event) -> Bool {
    if case .teardown = event.body { true } else { false }
  }

  @Test(arguments: AttachWay.allCases)
  func recordsArrive(way: AttachWay) throws {
    let (trace, totals) = try trace(ProbeStandIn(), .plain, by: way)
    let image = try trace.only()
    #expect(image.events.map(\.number) == Array(0..<100) && image.events.allSatisfy { isTeardown($0) && $0.task == 7 })
    #expect(image.lost == 0 && totals.batches == 1 && image.ending == .exited(status: 0))
  }

  @Test func argumentsMayStandInOtherRegisters() throws {
    let image = try trace(ProbeStandIn(flags: ProbeStandIn.otherRegisters), .plain).trace.only()
    #expect(image.events.count == 100 && image.lost == 0)
  }

  /// What the process is later is not mixed with what it was, although numbers begin anew.
  @Test func anotherProgramIsAnotherTrace() throws {
    let (trace, totals) = try trace(ProbeStandIn(), .executing)
    let image = try trace.only()
    #expect(image.events.map(\.number) == Array(0..<100) && image.lost == 0 && totals.batches == 1)
    #expect(image.ending == .executed)
  }

  @Test func aMainThreadMayBeGone() throws {
    let image = try trace(ProbeStandIn(), .orphaned).trace.only()
    #expect(image.events.count == 100 && image.lost == 0 && image.ending == .exited(status: 0))
  }

  /// The program fetches the pages, unless it is loaded in the way of old kernels: then the loss is
  /// known.
  @Test(arguments: AttachWay.allCases, [false, true])
  func pagesMayHaveBeenTakenAway(way: AttachWay, fixedEntries: Bool) throws {
    let image = try trace(ProbeStandIn(), .evicted, by: way, fixedEntries: fixedEntries).trace.only()
    #expect(image.received + image.lost == 100)
    #expect(image.received == (way.maySleep ? 100 : 0))
    #expect(UInt64(image.teardowns) == image.received)
  }

  @Test(arguments: [false, true])
  func batchesThatMakeNoSenseAreLost(fixedEntries: Bool) throws {
    let image = try trace(ProbeStandIn(), .hostile, fixedEntries: fixedEntries).trace.only()
    #expect(image.received == 100 && image.lost == 100 + 1 << 15 + 1)
    #expect(image.events.count == 101 && image.events.dropFirst().allSatisfy(isTeardown))
    #expect(image.events[0].body == .lost(records: image.lost))
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
