// However a process ends, what its tasks had recorded until then is in the trace, to the event.
import Foundation
import Testing

@testable import BPFLoader
@testable import TraceEvents

@Suite struct EndTests {
  /// How a session gets at what a process had recorded last.
  enum Means: CaseIterable {
    /// By the kernel's programs alone: the session looks at nothing before the end.
    case programs
    /// By reading the buffers: there are no such programs.
    case buffers
    /// Both, as it is used.
    case both
  }

  /// Traces the program to its end and has its output.
  private func trace(
    _ mode: EndStandIn.Mode, _ means: Means = .both, tasks: Int = 4, options: TraceSession.Options = .init()
  ) throws -> (trace: RecordedTrace, said: [SaidCounts], totals: TraceSession.Totals, process: Int32) {
    let program = try EndStandIn()
    let subject = try Subject(program.path, [mode.rawValue, "\(tasks)", "60", "7", "traced"])
    try subject.waitUntilTraceable()
    var options = options
    options.usesSchedulerEvents = means != .buffers
    let session = TraceSession(scope: .processes([subject.id]), options: options)
    try session.attach()
    var trace = RecordedTrace()
    if means == .programs {
      trace.mayLackNames = true
    } else {
      try session.collect(into: &trace) { $0.images.first?.names.isEmpty == false }
    }
    try (subject.process.standardInput as? Pipe)?.fileHandleForWriting.close()
    let output = subject.outputAtEnd()
    let totals = try session.collectToTheEnd(into: &trace)
    return (trace, SaidCounts.all(in: output), totals, subject.id)
  }

  private func expectWhole(_ image: RecordedTrace.Image, _ said: [SaidCounts], _ tasks: Int) {
    #expect(image.lost == 0 && said.count == tasks)
    let counted = image.countsByThread
    #expect(counted.count == tasks)
    for task in said { #expect(counted[task.thread] == task.counts, "\(task)") }
  }

  @Test(arguments: [EndStandIn.Mode.kill, .segv, .exit, .threads], Means.allCases)
  func everyEventIsThere(mode: EndStandIn.Mode, means: Means) throws {
    let (trace, said, totals, process) = try trace(mode, means)
    let image = try trace.only()
    #expect(image.process.processID == process && image.process.origin == .attached)
    expectWhole(image, said, 4)
    guard means != .buffers else {
      #expect(image.ending == .exited(status: nil))
      return
    }
    #expect(totals.endIsKnown)
    let status: Int32 =
      switch mode {
      case .kill: SIGKILL
      // Or-ed with 0x80 where a core is dumped.
      case .segv: SIGSEGV
      case .exit: 3 << 8
      default: 0
      }
    guard case .exited(let seen?) = image.ending else {
      Issue.record("\(String(describing: image.ending))")
      return
    }
    #expect(seen & ~0x80 == status)
  }
}
