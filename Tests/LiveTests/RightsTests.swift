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

  private func trace(_ capabilities: [String], _ arguments: [String]) throws -> ToolRun {
    let set = (["-all"] + capabilities.map { "+" + $0 }).joined(separator: ",")
    return try ToolRun(
      "/usr/bin/setpriv",
      [
        "--reuid", "65534", "--regid", "65534", "--clear-groups", "--inh-caps", set, "--ambient-caps", set,
        "--bounding-set", set, tool, "trace", "--summary", folder.file("summary.json"),
      ] + arguments)
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
