// Processes that fork and execute programs: who is traced, from which event on, and until when.
import Foundation
import Inspection
import Testing

@testable import BPFLoader
@testable import FibrilCLI
@testable import TraceEvents

@Suite struct FollowTests {
  private struct Result {
    var trace: RecordedTrace
    var said: [SaidCounts]
    var process: Int32
    var problems: [String]

    /// What a process says of the tasks of one kind.
    func said(_ who: String, by process: Int32) -> [SaidCounts] {
      said.filter { $0.who == who && $0.process == process }
    }
  }

  private func trace(_ mode: EndStandIn.Mode, follow: Bool) throws -> Result {
    let program = try EndStandIn()
    let subject = try Subject(program.path, [mode.rawValue, "3", "60", "7", "traced"])
    try subject.waitUntilTraceable()
    let options = TraceSession.Options(follow: follow) { try? ProcessInspector(processID: $0).read().snapshot }
    let session = TraceSession(scope: .processes([subject.id]), options: options)
    try session.attach()
    var trace = RecordedTrace()
    try session.collect(into: &trace) { $0.images.first?.names.isEmpty == false }
    trace.mayLackNames = true
    try (subject.process.standardInput as? Pipe)?.fileHandleForWriting.close()
    let totals = try session.collectToTheEnd(into: &trace)
    let output = subject.outputAtEnd()
    #expect(totals.endIsKnown && trace.lost == 0)
    return Result(trace: trace, said: SaidCounts.all(in: output), process: subject.id, problems: session.problems)
  }

  private func expectWhole(_ image: RecordedTrace.Image, _ said: [SaidCounts]) {
    let counted = image.countsByThread
    #expect(Set(counted.keys) == Set(said.map(\.thread)))
    for task in said { #expect(counted[task.thread] == task.counts, "\(task)") }
  }

  @Test(arguments: [EndStandIn.Mode.exec, .execByThread, .execOther], [false, true])
  func aProgramThatIsExecuted(mode: EndStandIn.Mode, follow: Bool) throws {
    let result = try trace(mode, follow: follow)
    let first = try #require(result.trace.images.first)
    #expect(first.ending == .executed)
    expectWhole(first, Array(result.said.prefix(3)))
    guard follow, mode != .execOther else {
      #expect(result.trace.images.count == 1)
      return
    }
    #expect(result.trace.images.count == 2)
    let second = try #require(result.trace.images.last)
    #expect(second.process.processID == result.process && second.process.origin == .executed)
    #expect(second.process.begin > first.process.begin && second.snapshot == nil)
    #expect(second.ending == .exited(status: 3 << 8) && result.said.count == 5)
    expectWhole(second, Array(result.said.suffix(2)))
  }

  @Test(arguments: [false, true])
  func aForkedChild(follow: Bool) throws {
    let result = try trace(.fork, follow: follow)
    let parent = try #require(result.trace.images.first)
    let tasks = result.said("task", by: result.process)
    let later = try #require(result.said("parent", by: result.process).first)
    #expect(tasks.count == 3 && parent.ending == .exited(status: 3 << 8))
    for task in tasks {
      let counts = task.thread == later.thread ? zip(task.counts, later.counts).map(+) : task.counts
      #expect(parent.countsByThread[task.thread] == counts)
    }
    #expect(result.trace.images.count == (follow ? 2 : 1))
    guard follow else { return }
    let child = try #require(result.trace.images.last)
    let said = try #require(result.said.first { $0.who == "child" })
    #expect(child.process.origin == .forked && child.process.parentID == result.process)
    #expect(child.process.processID == said.process && child.ending == .exited(status: 5 << 8))
    // The task of the thread that forked goes on in the child, and its records begin anew.
    let task = try #require(child.begins.keys.first)
    #expect(child.begins == [task: 0] && child.counts(ofTask: task) == said.counts)
    #expect(child.snapshot.map { $0.tasks.map(\.task) == [task] } != false)
  }

  /// The task of the thread that forks was there before the trace, and its child ends before anybody has looked.
  @Test func aChildThatEndsAtOnce() throws {
    let program = try EndStandIn()
    let subject = try Subject(program.path, ["fork", "3", "60", "7"])
    _ = try subject.wait { $0.tasks.count == 3 && $0.tasks.allSatisfy { $0.counts.teardowns == 60 } }
    let options = TraceSession.Options(follow: true) { try? ProcessInspector(processID: $0).read().snapshot }
    let session = TraceSession(scope: .processes([subject.id]), options: options)
    try session.attach()
    try (subject.process.standardInput as? Pipe)?.fileHandleForWriting.close()
    let said = SaidCounts.all(in: subject.outputAtEnd())
    var trace = RecordedTrace()
    trace.mayLackNames = true
    let totals = try session.collectToTheEnd(into: &trace)
    let counts = try #require(said.first { $0.who == "child" }).counts
    guard let child = trace.images.last, trace.images.count == 2 else {
      // Its pages were not there when it ended, which is rare and said.
      #expect(!totals.endIsKnown)
      return
    }
    #expect(child.process.origin == .forked && child.ending == .exited(status: 5 << 8) && child.lost == 0)
    let task = try #require(child.begins.keys.first)
    #expect(totals.endIsKnown && child.counts(ofTask: task) == counts)
  }

  /// A child of vfork does nothing in its parent's memory that is told, and is what it executes.
  @Test(arguments: [false, true])
  func aChildThatExecutesAProgram(follow: Bool) throws {
    let result = try trace(.spawn, follow: follow)
    #expect(result.trace.images.count == (follow ? 2 : 1))
    let parent = try #require(result.trace.images.first)
    let later = try #require(result.said("parent", by: result.process).first)
    for task in result.said("task", by: result.process) {
      let counts = task.thread == later.thread ? zip(task.counts, later.counts).map(+) : task.counts
      #expect(parent.countsByThread[task.thread] == counts)
    }
    guard follow else { return }
    let child = try #require(result.trace.images.last)
    #expect(child.process.origin == .executed && child.process.parentID == result.process)
    #expect(child.process.executable == parent.process.executable && child.ending == .exited(status: 3 << 8))
    expectWhole(child, result.said("task", by: child.process.processID))
  }

  /// From its first instruction on; or from when it was found to have probes, which it waits for, if it is executed by
  /// a program that has none.
  @Test(arguments: [false, true])
  func aCommand(byShell: Bool) throws {
    let program = try EndStandIn()
    let output = program.folder.file("output")
    let command = "exec \(program.path) exit 3 60 7 \(byShell ? "traced" : "") >\(output) </dev/null"
    let held = try HeldCommand(path: "/bin/sh", arguments: ["sh", "-c", command], mask: sigset_t())
    let files = byShell ? [] : try ProbedFile.all(ofProgram: program.path)
    let session = TraceSession(scope: .command(held.processID, files: files))
    try session.attach()
    try held.release()
    var trace = RecordedTrace()
    trace.mayLackNames = true
    let totals = try session.collectToTheEnd(into: &trace)
    waitpid(held.processID, nil, 0)
    let image = try #require(trace.images.last)
    let said = try SaidCounts.all(in: String(contentsOfFile: output, encoding: .utf8))
    #expect(said.count == 3 && image.ending == .exited(status: 3 << 8) && image.process.origin == .executed)
    #expect(trace.images.count == 2 && trace.images[0].ending == .executed && trace.images[0].events.isEmpty)
    #expect(image.process.processID == held.processID && totals.endIsKnown)
    expectWhole(image, said)
  }
}
