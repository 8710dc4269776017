// Other tracers see the probes too: contract A, as bpftrace lists, counts and reads it.
import Foundation
import Testing

@Suite struct ProbeListTests {
  let workload = builtPrograms.appending(path: "fibril-workload").path

  @Test(arguments: ["fibril-workload", "treewalk"])
  func bpftraceListsEveryProbe(program: String) throws {
    let path = builtPrograms.appending(path: program).path
    let run = try ToolRun("/usr/bin/bpftrace", ["-l", "usdt:\(path):fibril:*"])
    #expect(run.status == 0, "\(run.errors)")
    let names = run.output.split(separator: "\n").map { String($0.split(separator: ":").last!) }
    #expect(
      Set(names) == ["task_start", "task_stop", "submit", "switch", "block", "wake", "teardown", "batch"])
  }

  @Test func bpftraceCountsWhatTheWorkloadCounts() throws {
    let program = """
      usdt:\(workload):fibril:* { @count[probe] = count(); }
      usdt:\(workload):fibril:submit { @name[str(arg5)] = count(); }
      usdt:\(workload):fibril:block /arg2 == 5 && arg3 == 1000000 && arg4 > 0/ { @sleeps = count(); }
      usdt:\(workload):fibril:switch /arg2 == 0/ { @asleep = count(); }
      """
    let run = try ToolRun(
      "/usr/bin/bpftrace", ["-e", program, "-c", "\(workload) --tasks 2 --fibrils 3 --blocks 40"])
    let lines = run.output.split(separator: "\n").map(String.init)
    let json = try #require(lines.first { $0.hasPrefix("{") }, "\(run.errors)")
    let printed = try numbers(Data(json.utf8))
    func value(_ key: String) -> UInt64? {
      lines.first { $0.hasPrefix("@") && $0.contains("\(key): ") }
        .flatMap { UInt64($0.split(separator: " ").last!) }
    }
    for (probe, count) in [("submit", "submits"), ("block", "blocks"), ("wake", "wakes"), ("teardown", "teardowns")] {
      #expect(value(":\(probe)]") == printed[count], "\(probe)")
    }
    #expect(value(":switch]") == printed["switches"]! + printed["sleeps"]! + printed["resumes"]!)
    #expect(value(":task_start]") == 2 && value(":task_stop]") == 2)
    // Arguments: a name, a reason with object and deadline, and fibril 0.
    #expect(value("@name[worker-2]") == 2)
    #expect(value("@sleeps") == 2 * 3 * 40)
    #expect(value("@asleep") == printed["sleeps"])
  }
}
