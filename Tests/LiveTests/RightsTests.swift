// What another user may trace with the three capabilities that the manual names, and what is said without one of them.
import Foundation
import Inspection
import Testing
import TraceEvents

@Suite struct RightsTests {
  private let folder: TemporaryFolder
  private let tool, workload: String

  /// Copies, where another user may run them, and write beside them.
  init() throws {
    try #require(geteuid() == 0, "only root can become somebody else")
    folder = try TemporaryFolder()
    for program in ["fibril", "fibril-workload"] {
      // By another process: a child that another test starts must not inherit a descriptor that writes it.
      let path = builtPrograms.appending(path: program).path
      #expect(try ToolRun("/bin/cp", [path, folder.file(program)]).status == 0)
    }
    (tool, workload) = (folder.file("fibril"), folder.file("fibril-workload"))
    #expect(unsafe chmod(folder.url.path, 0o777) == 0)
  }

  /// The command for another user, by one that leaves it just these.
  private func launcher(_ capabilities: [String]) -> [String] {
    let set = (["-all"] + capabilities.map { "+" + $0 }).joined(separator: ",")
    return [
      "/usr/bin/setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", "--inh-caps", set,
      "--ambient-caps", set, "--bounding-set", set, "--no-new-privs", tool,
    ]
  }

  private func trace(_ capabilities: [String], _ arguments: [String]) throws -> ToolRun {
    let words = launcher(capabilities) + ["trace", "--summary", folder.file("summary.json")] + arguments
    return try ToolRun(words[0], Array(words.dropFirst()))
  }

  private func summary() throws -> [String: UInt64] {
    try numbers(Data(contentsOf: URL(filePath: folder.file("summary.json"))))
  }

  @Test(arguments: ["batch", "precise"]) func threeCapabilitiesDo(mode: String) throws {
    let all = ["bpf", "perfmon", "sys_ptrace"]
    let run = try trace(all, ["--mode", mode, "--", workload, "--fibrils", "20"])
    #expect(run.status == 0, "\(run.errors)")
    let printed = try numbers(Data(run.output.utf8))
    #expect(try summary()["lost"] == 0 && summary()["submits"] == printed["submits"] && printed["submits"] == 20)
    // Of root.
    let subject = try Subject(workload, ["--fibrils", "20", "--blocks", "1000000"])
    try subject.waitUntilTraceable()
    _ = try subject.wait { $0.tasks.contains { $0.counts.switches > 100 } }
    let other = try trace(all, ["--mode", mode, "-d", "300ms", "-p", "\(subject.id)"])
    #expect(other.status == 0, "\(other.errors)")
    #expect(try summary()["blocks"]! > 0 && summary()["fibrils"] == 20)
  }

  /// What the unit for systemd gives an exporter: for processes that are there, those that come, and dumps.
  @Test func threeCapabilitiesDoForAnExporter() throws {
    // Of this name, so that nobody else is followed, and believes to be traced by whom it waits for.
    let workload = folder.file("rights-load")
    try FileManager.default.linkItem(atPath: self.workload, toPath: workload)
    let parked = try Subject(workload, ["--fibrils", "5", "--blocks", "0", "--park", "60"])
    _ = try parked.wait { $0.fibrils.count { $0.state == .blocked } > 5 }
    let exporter = try Exporter(
      ["--comm", "rights-load"], launcher: launcher(["bpf", "perfmon", "sys_ptrace"]))
    let pid = "pid=\"\(parked.id)\""
    _ = try exporter.wait { $0.sum("fibril_live_fibrils", pid, "state=\"blocked\"") == 6 }
    let dump = try exporter.ask("dump?pid=\(parked.id)", ["-X", "POST"])
    #expect(dump.status == 200 && dump.body.contains("parkHere"), "\(dump)")
    let short = try Subject(workload, ["--fibrils", "20", "--blocks", "3"])
    let printed = try numbers(Data(short.outputAtEnd().utf8))
    let other = "pid=\"\(short.id)\""
    let samples = try exporter.wait {
      $0.sum("fibril_events_total", other) != nil && $0.sum("fibril_tasks", other) == nil
    }
    #expect(samples.sum("fibril_blocks_total", other) == Double(printed["blocks"]!))
    #expect(samples.sum("fibril_records_lost_total", other) == 0)
    #expect(exporter.end(SIGTERM) == 0)
  }

  /// It says so before it listens.
  @Test(arguments: ["bpf", "perfmon"]) func anExporterWithoutOneIsNone(missing: String) throws {
    let words = launcher(["bpf", "perfmon", "sys_ptrace"].filter { $0 != missing })
    let run = try ToolRun(words[0], words.dropFirst() + ["serve", "--listen", "127.0.0.1:0"])
    #expect(run.status == 77 && run.output == "")
    #expect(run.errors.hasPrefix("fibril: cannot attach to all processes: "))
    #expect(run.errors.hasSuffix("; run as root, or grant CAP_BPF, CAP_PERFMON and CAP_SYS_PTRACE\n"))
  }

  @Test(arguments: ["bpf", "perfmon", "sys_ptrace"], ["batch", "precise"])
  func withoutOneThatIsSaid(missing: String, mode: String) throws {
    let some = ["bpf", "perfmon", "sys_ptrace"].filter { $0 != missing }
    let subject = try Subject(workload, ["--fibrils", "20", "--blocks", "1000000"])
    try subject.waitUntilTraceable()
    let run = try trace(some, ["--mode", mode, "-d", "300ms", "-p", "\(subject.id)"])
    #expect(run.status == 77, "\(run.errors)")
    #expect(run.errors.hasPrefix("fibril: cannot attach to process \(subject.id): "))
    #expect(run.errors.hasSuffix("; run as root, or grant CAP_BPF, CAP_PERFMON and CAP_SYS_PTRACE\n"))
  }
}
