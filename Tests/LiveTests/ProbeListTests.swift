// Other tracers see the probes too: contract A, as bpftrace lists it.
import Foundation
import Testing

@Suite struct ProbeListTests {
  @Test(arguments: ["fibril-workload", "treewalk"])
  func bpftraceListsEveryProbe(program: String) throws {
    let path = builtPrograms.appending(path: program).path
    let run = try ToolRun("/usr/bin/bpftrace", ["-l", "usdt:\(path):fibril:*"])
    #expect(run.status == 0, "\(run.errors)")
    let names = run.output.split(separator: "\n").map { String($0.split(separator: ":").last!) }
    #expect(
      Set(names) == ["task_start", "task_stop", "submit", "switch", "block", "wake", "teardown", "batch"])
  }
}
