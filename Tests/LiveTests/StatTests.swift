// `fibril stat` and `fibril serve` say what a full trace of the same run comes to.
import Foundation
import Testing
import TraceEvents

@Suite struct StatTests {
  private let workload = builtPrograms.appending(path: "fibril-workload").path

  /// Three tracers look at one run, from before its first task to its end.
  @Test(arguments: ["sleep", "mutex", "channel"]) func figuresAreThoseOfAFullTrace(kind: String) throws {
    let folder = try TemporaryFolder()
    let program = try OwnProgram(workload)
    let subject = try Subject(
      program.path,
      ["--tasks", "2", "--fibrils", "150", "--blocks", "40", "--kind", kind, "--wait-for-tracer", "60"])
    try subject.waitUntilTraceable()
    // Nothing happens until all of them are there.
    try subject.hold()
    let trace = try RunningTool.fibril("trace", "-p", "\(subject.id)", "-o", folder.file("run.fbt"))
    let stat = try RunningTool(
      ["-c", "exec \"$0\" stat --json -p \"$1\" > \"$2\"", fibril, "\(subject.id)", folder.file("stat.json")],
      path: "/bin/sh")
    let exporter = try Exporter(["-p", "\(subject.id)"])
    for tracer in [trace, stat, exporter.tool] { try tracer.wait { tracer.hasAttached } }
    subject.goOn()
    let printed = try numbers(Data(subject.outputAtEnd().utf8))
    trace.process.waitUntilExit()
    stat.process.waitUntilExit()
    _ = try exporter.wait { $0["fibril_ended_processes_total"] == 1 }

    #expect(try ToolRun(fibril, ["export", folder.file("run.fbt"), "-o", folder.file("run.csv")]).status == 0)
    let truth = try TracedRun(csv: String(contentsOfFile: folder.file("run.csv"), encoding: .utf8))
    #expect(truth.counts["submit_closure"] == printed["submits"])
    let served = try Data(exporter.ask("figures.json").body.utf8)
    let replayed = try Data(ToolRun(fibril, ["stat", "--json", folder.file("run.fbt")]).output.utf8)
    for (name, json) in [
      ("stat", try Data(contentsOf: URL(filePath: folder.file("stat.json")))), ("serve", served),
      ("stat FILE", replayed),
    ] {
      try truth.expect(json, name)
    }
  }

  private var fibril: String { builtPrograms.appending(path: "fibril").path }

  @Test func linesAndATable() throws {
    let run = try ToolRun(
      fibril, ["stat", "-i", "100ms", "--", workload, "--fibrils", "20", "--blocks", "300"])
    #expect(run.status == 0, "\(run.errors)")
    let lines = run.output.split(separator: "\n")
    #expect(lines.contains { $0.hasPrefix("    PID submit/s switch/s") })
    #expect(lines.contains { $0.hasPrefix("submits") && $0.contains(" 20 ") })
    #expect(lines.contains { $0.hasPrefix("blocked: sleep") && $0.contains(" 6000 ") })
    #expect(lines.allSatisfy { $0.hasPrefix("{") || $0.count <= 80 })
  }

  /// However short the last of them is.
  @Test(arguments: ["100ms", "1h"]) func intervalsMissNothing(interval: String) throws {
    let run = try ToolRun(
      fibril, ["stat", "--json", "-i", interval, "--", workload, "--fibrils", "20", "--blocks", "300"])
    #expect(run.status == 0, "\(run.errors)")
    // The workload's own line is among them.
    let lines = try run.output.split(separator: "\n").compactMap {
      try JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any]
    }.filter { $0["processes"] != nil }
    let processes = lines.compactMap { ($0["processes"] as? [[String: Any]])?.first }
    #expect(processes.last?["ended"] as? String == "exited" && processes.last?["status"] as? Int == 0)
    #expect((processes.last?["counts"] as? [String: Int])?["submits"] == 20)
    let blocked = processes.compactMap { ($0["blocked"] as? [String: [String: Any]])?["sleep"]?["count"] as? Int }
    #expect(blocked.reduce(0, +) == 6000)
    #expect(blocked.count > 1 || interval == "1h")
  }

  @Test func aRecordingWithoutAnEnd() throws {
    let folder = try TemporaryFolder()
    let file = folder.file("run.fbt")
    #expect(try ToolRun(fibril, ["trace", "-o", file, "--", workload, "--fibrils", "20"]).status == 0)
    let bytes = try Data(contentsOf: URL(filePath: file))
    try bytes.prefix(bytes.count * 3 / 4).write(to: URL(filePath: file))
    let run = try ToolRun(fibril, ["stat", file])
    #expect(run.status == 0)
    #expect(run.output.contains("submits"))
    #expect(run.errors.contains("has no end"))
    let missing = try ToolRun(fibril, ["stat", folder.file("none.fbt")])
    #expect(missing.status == 1)
    #expect(missing.errors.hasPrefix("fibril: cannot count \(folder.file("none.fbt")): "))
  }
}
