// Whom a session finds and traces: several processes, all of them, and those that are hard to get at.
import Foundation
import Inspection
import Testing

@testable import BPFLoader
@testable import FibrilCLI
@testable import TraceEvents

@Suite struct ScopeTests {
  let workload = builtPrograms.appending(path: "fibril-workload").path
  private let arguments = ["--tasks", "2", "--fibrils", "50", "--blocks", "5", "--kind", "yield"]

  /// Traces to the end what waits for a tracer, and expects of each process exactly what it says it has done.
  private func expectAll(
    _ subjects: [Subject], _ scope: TraceSession.Scope, _ options: TraceSession.Options = .init()
  ) throws {
    for subject in subjects { try subject.waitUntilTraceable() }
    let session = TraceSession(scope: scope, options: options)
    try session.attach()
    var trace = RecordedTrace()
    trace.mayLackNames = true
    try session.collect(into: &trace) { trace in
      subjects.allSatisfy { subject in
        trace.images.contains { $0.process.processID == subject.id && $0.ending != nil }
      }
    }
    let totals = try session.finish(into: &trace)
    #expect(totals.endIsKnown)
    for subject in subjects {
      let image = try #require(trace.images.first { $0.process.processID == subject.id })
      try expect(image, subject.outputAtEnd())
    }
    #expect(trace.images.count == subjects.count)
    #expect(options.tellsModules || trace.images.allSatisfy(\.modules.isEmpty))
  }

  private func expect(_ image: RecordedTrace.Image, _ output: String) throws {
    let printed = try numbers(Data(output.utf8))
    #expect(image.lost == 0 && image.ending == .exited(status: 0))
    #expect(image.submits == Int(printed["submits"]!) && image.teardowns == Int(printed["teardowns"]!))
    let switches = image.count { if case .switch(let from, let to, _) = $0 { from != 0 && to != 0 } else { false } }
    #expect(switches == Int(printed["switches"]!))
  }

  private func waiting(_ path: String, _ more: [String] = []) throws -> Subject {
    try Subject(path, arguments + ["--wait-for-tracer", "60"] + more)
  }

  @Test func severalProcesses() throws {
    let own = try OwnProgram(workload)
    let ends = try (OwnProgram(workload), OwnProgram(workload))
    let subjects = try [waiting(own.path), waiting(own.path), waiting(ends.0.path), waiting(ends.1.path)]
    try expectAll(subjects, .processes(subjects.map(\.id)))
  }

  /// Others that have the same file are let alone.
  @Test func anotherProcessOfTheSameFile() throws {
    let own = try OwnProgram(workload)
    let (one, other) = try (waiting(own.path), waiting(own.path))
    try other.waitUntilTraceable()
    try expectAll([one], .processes([one.id]))
    var options = TraceSession.Options()
    options.attachesByFile = true
    options.tellsModules = false
    try expectAll([other], .processes([other.id]), options)
  }

  /// Those that run, and one that begins later, of another file that nobody has run before.
  @Test func allProcesses() throws {
    let programs = try (OwnProgram(workload), OwnProgram(workload))
    let first = try waiting(programs.0.path)
    let folders = [programs.0.path, programs.1.path]
    try first.waitUntilTraceable()
    var options = TraceSession.Options()
    // One that has ended when it is looked at has no file any more.
    let meant = ProcessIDs()
    meant.ids = [first.id]
    options.isMeant = { process in
      meant.ids.contains(process) || folders.contains(targetOfProcLink("/proc/\(process)/exe") ?? "")
    }
    let session = TraceSession(scope: .all, options: options)
    try session.attach()
    let second = try waiting(programs.1.path)
    // The same file again: it is traced from its first instruction.
    let third = try Subject(programs.0.path, arguments)
    let subjects = [first, second, third]
    meant.ids = subjects.map(\.id)
    var trace = RecordedTrace()
    trace.mayLackNames = true
    try session.collect(into: &trace) { trace in
      subjects.allSatisfy { subject in
        trace.images.contains { $0.process.processID == subject.id && $0.ending.map { $0 != .executed } == true }
      }
    }
    _ = try session.finish(into: &trace)
    for subject in subjects {
      let image = try #require(trace.images.last { $0.process.processID == subject.id })
      try expect(image, subject.outputAtEnd())
    }
  }

  /// Two that begin, and fall silent, before the tracer hears of the first: of neither all records come, but a
  /// snapshot of both shows their fibrils. It attaches to their file because of the first of them.
  @Test func thoseThatBeginAtOnce() throws {
    let own = try OwnProgram(workload)
    var options = TraceSession.Options(snapshot: { BatchSource.snapshot(of: $0) })
    options.isMeant = { targetOfProcLink("/proc/\($0)/exe") == own.path }
    let session = TraceSession(scope: .all, options: options)
    try session.attach()
    let subjects = try (0..<2).map { _ in
      try Subject(own.path, ["--fibrils", "4", "--blocks", "0", "--park", "120"])
    }
    for subject in subjects { _ = try subject.wait { $0.fibrils.count { $0.state == .blocked } == 5 } }
    var trace = RecordedTrace()
    try session.collect(into: &trace) { $0.images.count == 2 }
    for subject in subjects {
      let image = try #require(trace.images.first { $0.process.processID == subject.id })
      #expect(image.snapshot?.fibrils.count == 5)
      #expect(image.lost == 0)
    }
    _ = try session.finish(into: &trace)
  }

  /// More files than may be attached to at a time: those that nobody runs any more make room, and one for which there
  /// is none is said to be left out.
  @Test func filesMakeRoom() throws {
    var options = TraceSession.Options()
    options.mostFiles = 2
    let programs = try (0..<5).map { _ in try OwnProgram(workload) }
    let paths = Set(programs.map(\.path))
    options.isMeant = { targetOfProcLink("/proc/\($0)/exe").map { paths.contains($0) } ?? true }
    let session = TraceSession(scope: .all, options: options)
    try session.attach()
    var trace = RecordedTrace()
    trace.mayLackNames = true
    for program in programs.dropLast() {
      let subject = try waiting(program.path)
      try session.collect(into: &trace) { trace in
        trace.images.contains { $0.process.processID == subject.id && $0.ending != nil }
      }
      let image = try #require(trace.images.first { $0.process.processID == subject.id })
      try expect(image, subject.outputAtEnd())
    }
    #expect(session.problems.isEmpty)
    let parked = try programs.dropFirst(2).map {
      try Subject($0.path, ["--fibrils", "4", "--blocks", "0", "--park", "120"])
    }
    try session.collect(into: &trace) { _ in !session.problems.isEmpty }
    #expect(session.problems.count == 1 && session.problems[0].contains("2 files that hold probes are in use"))
    for subject in parked { #expect(subject.process.isRunning) }
    _ = try session.finish(into: &trace)
  }

  /// By way of a file that is stripped and then deleted, or replaced by another program.
  @Test(arguments: ["stripped", "deleted", "replaced"])
  func aFileThatIsNotWhatItWas(_ fate: String) throws {
    let own = try OwnProgram(workload)
    if fate == "stripped" { #expect(try ToolRun("/usr/bin/strip", ["-s", own.path]).status == 0) }
    let subject = try waiting(own.path)
    try subject.waitUntilTraceable()
    if fate != "stripped" { try FileManager.default.removeItem(atPath: own.path) }
    if fate == "replaced" { #expect(try ToolRun("/bin/cp", ["/bin/true", own.path]).status == 0) }
    try expectAll([subject], .processes([subject.id]))
  }

  /// In PID and mount namespaces of its own, where its file has no name that this process knows.
  @Test func otherNamespaces() throws {
    let own = try OwnProgram(workload)
    let folder = try TemporaryFolder()
    let script = """
      mount -t tmpfs none "$1" && cp "$0" "$1/inside" && exec "$1/inside" "${@:2}"
      """
    let launcher = try Subject(
      "/usr/bin/unshare",
      ["--pid", "--mount", "--fork", "--kill-child", "/bin/bash", "-c", script, own.path, folder.url.path] + arguments
        + ["--wait-for-tracer", "60"])
    let inside = try childThatRuns("\(folder.url.path)/inside", of: launcher)
    let session = TraceSession(scope: .processes([inside]))
    try session.attach()
    var trace = RecordedTrace()
    trace.mayLackNames = true
    _ = try session.collectToTheEnd(into: &trace)
    let image = try trace.only()
    #expect(image.process.processID == inside)
    try expect(image, launcher.outputAtEnd())
  }

  /// A tracer in a PID namespace of its own knows processes by other ids than the kernel's programs.
  @Test func aTracerInAnotherNamespace() throws {
    let folder = try TemporaryFolder()
    let script = """
      "$0" "${@:3}" >"$2/output" &
      until "$1" trace -p $! -o "$2/trace.json" --summary "$2/summary.json" 2>"$2/errors"; do sleep 0.02; done
      wait
      """
    let run = try ToolRun(
      "/usr/bin/unshare",
      [
        "--pid", "--fork", "--mount-proc", "--kill-child", "timeout", "100", "/bin/bash", "-c", script, workload,
        builtPrograms.appending(path: "fibril").path, folder.url.path,
      ] + arguments + ["--wait-for-tracer", "60"])
    #expect(run.status == 0, "\(run.errors)")
    let printed = try numbers(Data(contentsOf: URL(filePath: folder.file("output"))))
    let summary = try numbers(Data(contentsOf: URL(filePath: folder.file("summary.json"))))
    #expect(printed["submits"] == 100 && summary["lost"] == 0)
    // A root that was there when the table was read may count among the fibrils.
    for (key, value) in printed where key != "fibrils" { #expect(summary[key] == value, "\(key)") }
  }

  private func childThatRuns(_ path: String, of launcher: Subject) throws -> Int32 {
    let deadline = ContinuousClock.now + .seconds(60)
    while ContinuousClock.now < deadline {
      let children = contentsOfProcFile("/proc/\(launcher.id)/task/\(launcher.id)/children", limit: 4096) ?? ""
      if let child = children.split(separator: " ").first.flatMap({ Int32($0) }),
        targetOfProcLink("/proc/\(child)/exe")?.hasSuffix("inside") == true,
        let folder = ProcessFolder(processID: child), (try? ProbedFile.all(of: folder)) != nil
      {
        return child
      }
      usleep(1000)
    }
    throw Subject.Lateness()
  }
}

/// Who is meant, as it is known by now.
private final class ProcessIDs {
  var ids: [Int32] = []
}
