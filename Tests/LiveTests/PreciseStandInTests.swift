// Precise mode and runtimes that are not this package's: it takes what their probes bring, or says why not.
import Foundation
import Testing

@testable import BPFLoader
@testable import TraceEvents

@Suite struct PreciseStandInTests {
  private func trace(
    _ program: PreciseStandIn, _ mode: PreciseStandIn.Mode, by way: PreciseObject.Way? = nil
  ) throws -> (recording: KeptRecording, totals: PreciseSession.Totals) {
    var trace = try PreciseTrace(program.path, [mode.rawValue], by: way)
    let totals = try trace.run()
    #expect(trace.subject.process.terminationStatus == 0)
    return (trace.recording, totals)
  }

  private func expectHundred(_ recording: KeptRecording, _ totals: PreciseSession.Totals) {
    #expect(totals.records == 100 && totals.lost == 0 && totals.tasks == 1)
    #expect(recording.records.map(\.fibril) == Array(0..<100))
    #expect(recording.records.allSatisfy { $0.kind == PlainRecord.teardown && $0.task == 7 })
    #expect(recording.records.allSatisfy { Int64(bitPattern: $0.arg) == -Int64($0.fibril) })
  }

  @Test(arguments: PreciseObject.Way.allCases)
  func eventsArrive(way: PreciseObject.Way) throws {
    let (recording, totals) = try trace(PreciseStandIn(), .plain, by: way)
    expectHundred(recording, totals)
  }

  @Test func argumentsMayStandInOtherRegisters() throws {
    let (recording, totals) = try trace(PreciseStandIn(flags: PreciseStandIn.otherRegisters), .plain)
    expectHundred(recording, totals)
  }

  /// Two of one program: only one of them is traced.
  @Test func aMainThreadMayBeGone() throws {
    let program = try PreciseStandIn()
    let other = try Subject(program.path, ["plain"])
    let subject = try Subject(program.path, ["orphaned"])
    try subject.waitUntilTraceable()
    while try #require(ProcessFolder(processID: subject.id)).mainThreadHasExited == false { usleep(1000) }
    let files = try ProbedFile.all(of: #require(ProcessFolder(processID: subject.id)), for: .events)
    let session = try PreciseSession(process: subject.id, files: files)
    try session.attach()
    var recording = KeptRecording()
    try session.begin(RecordedProcess(index: 0, processID: subject.id, command: "", begin: 0), into: &recording)
    for process in [other.process, subject.process] {
      try (process.standardInput as? Pipe)?.fileHandleForWriting.close()
      process.waitUntilExit()
      #expect(process.terminationStatus == 0)
    }
    let totals = try session.finish(into: &recording)
    expectHundred(recording, totals)
  }

  /// What the process is later is not mixed with what it was, although its tasks begin anew.
  @Test func anotherProgramIsAnotherTrace() throws {
    let (recording, totals) = try trace(PreciseStandIn(), .executing)
    expectHundred(recording, totals)
    #expect(totals.processWasReplaced)
  }

  @Test func namesMayBeUnreadableOrLong() throws {
    let (recording, totals) = try trace(PreciseStandIn(), .names)
    #expect(totals.records == 6 && totals.lost == 0 && totals.missedNames == 1)
    let entries = recording.records.filter { $0.kind == PlainRecord.submitEntry }
    #expect(entries.map(\.arg) == [0x1234, 0x1234, 0x1234] && entries.map(\.arg32) == [0, 1, 0])
    // 62 bytes of it: the character that follows would have two more, of which one has a place.
    #expect(recording.names == ["", "long 789 123456789 123456789 123456789 123456789 123456789 123"])
  }

  /// A process with more tasks than there is room for numbers: what is not counted is said.
  @Test func tasksWithoutANumberAreKnown() throws {
    let (recording, totals) = try trace(PreciseStandIn(), .tasks)
    #expect(totals.records == 65_536 && totals.lost == 0 && totals.tasks == 65_536)
    #expect(recording.records.count == 65_536 && !totals.isComplete)
  }

  /// The kernel may patch a longer nop into a call, which overwrites the red zone of compiled code.
  @Test func anUnsafeSiteIsRefused() throws {
    let program = try PreciseStandIn(flags: PreciseStandIn.longInstruction)
    let error = #expect(throws: BPFError.self) { try ProbedFile.all(ofProgram: program.path, for: .events) }
    let text = try #require(error?.description)
    #expect(text.hasPrefix("cannot trace \(program.path): the probe at offset "))
    #expect(text.contains("is no 1-byte nop, which is unsafe; rebuild it with"))
    // Its other probe is sound.
    #expect(try ProbedFile.all(ofProgram: program.path).count == 1)
  }

  @Test func aProbeWithTooFewArgumentsIsRefused() throws {
    let program = try PreciseStandIn(flags: PreciseStandIn.fewArguments)
    let error = #expect(throws: BPFError.self) { try PreciseTrace(program.path, ["plain"]) }
    #expect(error?.description.contains("the probe teardown of ") == true)
    #expect(error?.description.contains("has 2 arguments instead of 3; rebuild it with") == true)
  }
}
