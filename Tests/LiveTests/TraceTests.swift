// `fibril trace` of real processes: what it counts is what happened.
import Foundation
import Inspection
import Testing
import TraceEvents

@Suite struct TraceTests {
  let workload = builtPrograms.appending(path: "fibril-workload").path

  @Test(arguments: ["sleep", "read", "yield", "mutex", "channel"])
  func everyNumberIsTheWorkloads(kind: String) throws {
    let arguments = ["--tasks", "2", "--fibrils", "1000", "--blocks", "10", "--kind", kind]
    let (trace, output) = try TraceResults.ofCommand([], [workload] + arguments)
    #expect(trace.status == 0, "\(trace.errors)")
    let printed = try numbers(Data(output.utf8))
    let summary = trace.summary
    #expect(summary["lost"] == 0)
    for (key, value) in printed { #expect(summary[key] == value, "\(key)") }
    #expect(printed.keys.count == 9)
    let counts = ["submits", "blocks", "wakes", "switches", "sleeps", "resumes", "teardowns"]
    // Beside those there are the tasks' own starts and stops.
    #expect(summary["events"] == counts.reduce(2 * 2) { $0 + printed[$1]! })
    #expect(["duration_ns", "tracer_cpu_ns", "tracer_rss_bytes"].allSatisfy { summary[$0]! > 0 })

    // The same, counted from the file.
    #expect(trace.slices("fibril") { $0.hasPrefix("blocked") }.count == Int(printed["blocks"]!))
    #expect(trace.slices("task") { $0 == "asleep" }.count == Int(printed["sleeps"]!))
    let runs = printed["switches"]! + printed["resumes"]! + printed["tasks"]!
    #expect(trace.slices("task") { $0 != "asleep" }.count == Int(runs))
    #expect(trace.slices("fibril") { $0 == "running" }.count == Int(runs))
    #expect(trace.count(phase: "s") == Int(printed["wakes"]!) && trace.count(phase: "f") == Int(printed["wakes"]!))
    #expect(trace.slices("fibril") { $0 == "UNKNOWN" }.isEmpty && trace.slices("task") { $0 == "UNKNOWN" }.isEmpty)
    let names = trace.events.filter { $0["name"] as? String == "thread_name" }
      .compactMap { ($0["args"] as? [String: Any])?["name"] as? String }
    #expect(names.count { $0.hasPrefix("worker-") } == 2000)
    #expect(names.count { $0.hasPrefix("root #") } == 2)
  }

  @Test func slicesOfOneTrackNest() throws {
    let (trace, _) = try TraceResults.ofCommand([], [workload, "--tasks", "2", "--fibrils", "50", "--blocks", "50"])
    struct Track: Hashable { var process, thread: Int }
    var ends: [Track: Double] = [:]
    let slices = trace.events.filter { $0["ph"] as? String == "X" }
      .sorted { ($0["ts"] as! Double) < ($1["ts"] as! Double) }
    #expect(slices.count > 5000)
    for slice in slices {
      let track = Track(process: slice["pid"] as! Int, thread: slice["tid"] as! Int)
      let begin = slice["ts"] as! Double
      // Nothing here has an inner slice: the next begins where the last ended, but for rounding.
      #expect(begin >= (ends[track] ?? 0) - 0.0015)
      ends[track] = begin + (slice["dur"] as! Double)
    }
  }

  @Test func fibrilsFromBeforeTheTraceHaveTheirStates() throws {
    let subject = try Subject(workload, ["--tasks", "2", "--fibrils", "20", "--blocks", "1", "--park", "60"])
    _ = try subject.wait { DumpTests.isParked($0, 40) }
    let trace = try BackgroundTrace(["-p", "\(subject.id)", "-d", "300ms"]).results()
    #expect(trace.status == 0, "\(trace.errors)")
    #expect(trace.summary["events"] == 0 && trace.summary["lost"] == 0)
    #expect(trace.summary["fibrils"] == 40 && trace.summary["tasks"] == 2)
    let parked = trace.slices("fibril") { $0 == "blocked: wake target" }
    #expect(parked.count == 40)
    let duration = Double(trace.summary["duration_ns"]!) / 1000
    #expect(duration >= 300_000)
    for slice in parked {
      #expect(slice["ts"] as? Double == 0)
      #expect(abs(slice["dur"] as! Double - duration) < 1)
    }
    #expect(trace.slices("task") { $0 == "asleep" }.count == 2)
    #expect(trace.slices("fibril").count == 42)
  }

  @Test func anEndedProcessLosesNothing() throws {
    let subject = try Subject(
      workload, ["--tasks", "2", "--fibrils", "100", "--blocks", "1000000", "--wait-for-tracer", "60"])
    try subject.waitUntilTraceable()
    let background = try BackgroundTrace(["-p", "\(subject.id)"])
    let before = try subject.wait { $0.tasks.reduce(0) { $0 + $1.counts.switches } > 5000 }
    kill(subject.id, SIGKILL)
    let trace = try background.results()
    #expect(trace.status == 0, "\(trace.errors)")
    #expect(trace.errors.contains("fibril: process \(subject.id) has ended\n"))
    #expect(trace.summary["lost"] == 0 && trace.summary["submits"] == 200 && trace.summary["tasks"] == 2)
    // What the process itself had counted when it was last looked at has been recorded.
    for (key, field) in [("switches", \EventCounts.switches), ("blocks", \.blocks), ("sleeps", \.sleeps)] {
      #expect(trace.summary[key]! >= before.tasks.reduce(0) { $0 + $1.counts[keyPath: field] }, "\(key)")
    }
  }

  @Test(arguments: [nil, "60s"])
  func interruptsLeaveACompleteFile(duration: String?) throws {
    let subject = try Subject(
      workload, ["--tasks", "1", "--fibrils", "10", "--blocks", "1000000", "--wait-for-tracer", "60"])
    try subject.waitUntilTraceable()
    let background = try BackgroundTrace(["-p", "\(subject.id)"] + (duration.map { ["-d", $0] } ?? []))
    _ = try subject.wait { $0.tasks.reduce(0) { $0 + $1.counts.switches } > 1000 }
    kill(background.process.processIdentifier, SIGINT)
    let trace = try background.results()
    #expect(trace.status == (duration == nil ? 0 : 130), "\(trace.errors)")
    #expect(trace.summary["lost"] == 0 && trace.summary["submits"] == 10 && trace.summary["switches"]! > 1000)
    #expect(subject.process.isRunning)
  }

  @Test func aFullDiskIsSaid() throws {
    let folder = try TemporaryFolder()
    let path = folder.file("trace.json")
    try FileManager.default.createSymbolicLink(atPath: path, withDestinationPath: "/dev/full")
    let run = try ToolRun.fibril("trace", "-o", path, "--", workload, "--fibrils", "100")
    #expect(run.status == 1)
    #expect(
      run.errors == """
        fibril: cannot write \(path): No space left on device; free some space, or choose another place with -o

        """)
  }

  @Test func theOutputCanBeStandardOutput() throws {
    let subject = try Subject(workload, ["--fibrils", "20", "--blocks", "0", "--park", "60"])
    _ = try subject.wait { DumpTests.isParked($0, 20) }
    let run = try ToolRun.fibril("trace", "-p", "\(subject.id)", "-d", "1ms", "-o", "-")
    #expect(run.status == 0 && !run.errors.contains("wrote"))
    let events = try #require(JSONSerialization.jsonObject(with: Data(run.output.utf8)) as? [[String: Any]])
    #expect(events.count { $0["name"] as? String == "blocked: wake target" } == 20)
  }

  @Test func aCommandWithoutItsLoader() throws {
    let folder = try TemporaryFolder()
    let copy = folder.file("loaderless")
    let script = "sed 's|/lib64/ld-linux|/lib00/ld-linux|; s|/lib/ld-linux-aarch|/li0/ld-linux-aarch|' \"$0\" >\"$1\""
    #expect(try ToolRun("/bin/bash", ["-c", script + "; chmod +x \"$1\"", workload, copy]).status == 0)
    let run = try ToolRun.fibril("trace", "-o", folder.file("trace.json"), "--", copy)
    #expect(run.status == 1)
    #expect(run.errors == "fibril: cannot run \(copy): the interpreter or loader that it names does not exist\n")
    #expect(!FileManager.default.fileExists(atPath: folder.file("trace.json")))
  }

  /// The command gets standard output, exit status and signals as it would without a tracer.
  @Test func theCommandIsItself() throws {
    let (trace, output) = try TraceResults.ofCommand([], [workload, "--nonsense"])
    #expect(trace.status == 0 && output == "")
    #expect(trace.errors.contains("Unknown option '--nonsense'"))
    #expect(trace.errors.contains("fibril: \(workload) exited with status 64\n"))
    #expect(trace.summary["events"] == 0)
  }
}
