// `fibril serve` beside programs whose events are known: its figures, whom it follows, and how it ends.
import Foundation
import Testing
import TraceEvents

@testable import Inspection

@Suite struct ServeTests {
  private let workload = builtPrograms.appending(path: "fibril-workload").path

  /// What a workload printed, and what the exporter says of it.
  private func expectExact(_ samples: MetricSamples, _ process: Int32, _ output: String) throws {
    let printed = try numbers(Data(output.utf8))
    let pid = "pid=\"\(process)\""
    for (family, key) in [
      ("submits", "submits"), ("blocks", "blocks"), ("wakes", "wakes"), ("switches", "switches"),
      ("task_sleeps", "sleeps"), ("completions", "teardowns"),
    ] {
      let counted = samples.sum("fibril_\(family)_total", pid)
      #expect(counted == printed[key].map { Double($0) }, "\(family)")
    }
    #expect(samples.sum("fibril_records_lost_total", pid) == 0)
    #expect(samples.sum("fibril_run_queue_wait_seconds_count", pid)! >= Double(printed["switches"]!))
    #expect(samples.sum("fibril_lifetime_seconds_count", pid, "kind=\"closure\"") == Double(printed["fibrils"]!))
  }

  /// Two that were named, to their ends, after which their figures are still there.
  @Test(arguments: [SIGINT, SIGTERM]) func figuresAreExact(signal: Int32) throws {
    let programs = try (OwnProgram(workload), OwnProgram(workload))
    let arguments = ["--tasks", "2", "--fibrils", "100", "--blocks", "20", "--wait-for-tracer", "60"]
    let sleeping = try Subject(programs.0.path, arguments)
    let locking = try Subject(programs.1.path, arguments + ["--kind", "mutex"])
    try sleeping.waitUntilTraceable()
    try locking.waitUntilTraceable()
    let exporter = try Exporter(["-p", "\(sleeping.id)", "-p", "\(locking.id)"])
    let output = [sleeping.outputAtEnd(), locking.outputAtEnd()]
    let samples = try exporter.wait { $0["fibril_ended_processes_total"] == 2 }
    try expectExact(samples, sleeping.id, output[0])
    try expectExact(samples, locking.id, output[1])
    let (own, slept) = ("pid=\"\(sleeping.id)\"", try numbers(Data(output[0].utf8)))
    // Each task's root waits once for its fibrils to end.
    #expect(samples.sum("fibril_blocked_seconds_count", own, "reason=\"sleep\"") == Double(slept["blocks"]! - 2))
    #expect(samples.sum("fibril_blocked_seconds_count", own, "reason=\"join\"") == 2)
    #expect(samples["fibril_followed_processes"] == 0 && samples.sum("fibril_tasks", own) == nil)
    #expect(try exporter.ask("healthz").status == 200)
    let json = try JSONSerialization.jsonObject(with: Data(exporter.ask("figures.json").body.utf8))
    let processes = try #require((json as? [String: Any])?["processes"] as? [[String: Any]])
    #expect(Set(processes.map { $0["pid"] as? Int32 }) == [sleeping.id, locking.id])
    #expect(processes.allSatisfy { $0["ended"] as? String == "exited" && $0["status"] as? Int == 0 })
    #expect(
      exporter.tool.errors.hasSuffix("fibril: all processes have ended; their last figures are served until Ctrl-C\n"))
    #expect(exporter.end(signal) == 0)
  }

  /// Those of a name, and none of another that run the same file.
  @Test func onlyThoseOfAName() throws {
    let program = try OwnProgram(workload)
    let folder = URL(filePath: program.path).deletingLastPathComponent()
    let paths = ["meant-name", "another-name"].map { folder.appending(path: $0).path }
    for path in paths { try FileManager.default.linkItem(atPath: program.path, toPath: path) }
    let exporter = try Exporter(["--comm", "meant-name"])
    let arguments = ["--fibrils", "30", "--blocks", "5", "--wait-for-tracer", "60"]
    // Whose file nobody has run before is attached to when it runs already.
    let first = try Subject(paths[0], arguments)
    let other = try Subject(paths[1], arguments)
    let (output, _) = (first.outputAtEnd(), other.outputAtEnd())
    // By now from its first instruction.
    let second = try Subject(paths[0], ["--fibrils", "7", "--blocks", "3"])
    let secondOutput = second.outputAtEnd()
    let samples = try exporter.wait { $0["fibril_ended_processes_total"] == 2 }
    try expectExact(samples, first.id, output)
    try expectExact(samples, second.id, secondOutput)
    #expect(samples.sum("fibril_events_total", "pid=\"\(other.id)\"") == nil)
    #expect(exporter.end(SIGINT) == 0)
  }

  /// What fibrils do at the moment, and a dump of them.
  @Test func aProgramThatWaits() throws {
    let program = try OwnProgram(workload)
    let subject = try Subject(program.path, ["--fibrils", "40", "--blocks", "0", "--park", "60"])
    _ = try subject.wait { $0.fibrils.count { $0.state == .blocked } > 40 }
    let exporter = try Exporter(["-p", "\(subject.id)"])
    let pid = "pid=\"\(subject.id)\""
    let samples = try exporter.wait { $0.sum("fibril_live_fibrils", pid, "state=\"blocked\"") == 41 }
    #expect(samples.sum("fibril_blocked_fibrils", pid) == 41 && samples.sum("fibril_tasks", pid) == 1)
    #expect(samples.sum("fibril_oldest_blocked_seconds", pid)! > 0)
    #expect(samples.sum("fibril_process_info", pid) == 1 && samples["fibril_followed_processes"] == 1)
    let dump = try exporter.ask("dump?pid=\(subject.id)", ["-X", "POST"])
    #expect(dump.status == 200 && dump.body.contains("Call Trace:") && dump.body.contains("parkHere"))
    let mine = try exporter.ask("dump?pid=\(getpid())", ["-X", "POST"])
    #expect(mine.status == 404 && mine.body.contains("process \(getpid()) is not followed"))
    kill(subject.id, SIGKILL)
    let ended = try exporter.wait { $0["fibril_followed_processes"] == 0 }
    #expect(ended.sum("fibril_live_fibrils", pid) == nil && ended.sum("fibril_process_info", pid) == 1)
    #expect(try exporter.ask("dump?pid=\(subject.id)", ["-X", "POST"]).status == 404)
  }

  /// What dumps would go on without the exporter: here for ever, since it stands still.
  @Test func aDumpEndsWithTheExporter() throws {
    let program = try OwnProgram(workload)
    let subject = try Subject(program.path, ["--fibrils", "5000", "--blocks", "0", "--park", "60"])
    _ = try subject.wait { $0.fibrils.count { $0.state == .blocked } > 5000 }
    let exporter = try Exporter(["-p", "\(subject.id)"])
    while true {
      let reader = try RunningTool(
        ["-sS", "--noproxy", "*", "-m", "60", "-X", "POST", "\(exporter.address)dump?pid=\(subject.id)"],
        path: "/usr/bin/curl")
      var dumping: Int32?
      while dumping == nil, reader.process.isRunning { dumping = exporter.dumping }
      // It may be over by now.
      guard let dumping, let stop = try? ProcessStop(processID: dumping), exporter.dumping == dumping else { continue }
      #expect(exporter.end(SIGTERM) == 0)
      let left = ProcessStatus(dumping)
      #expect(left == nil || left?.state == "Z")
      if left != nil { kill(dumping, SIGKILL) }
      _ = stop.thaw()
      return
    }
  }

  /// The limit that the session gives would not do for the processes: each costs a descriptor.
  @Test func itTakesTheDescriptorsThatItMay() throws {
    let exporter = try Exporter(
      ["--comm", "no such name"],
      launcher: ["/bin/sh", "-c", "ulimit -Sn 64 && exec \"$0\" \"$@\""]
        + [builtPrograms.appending(path: "fibril").path])
    let samples = try exporter.samples()
    let limit = try String(contentsOfFile: "/proc/\(exporter.id)/limits", encoding: .utf8)
      .split(separator: "\n").first { $0.hasPrefix("Max open files") }
    let most = try #require(limit?.split(separator: " ").dropFirst(4).first.flatMap { Double($0) })
    #expect(most > 64 && samples["process_max_fds"] == most)
  }

  @Test func anAddressThatIsTaken() throws {
    let exporter = try Exporter(["--comm", "no such name"])
    let taken = exporter.address.dropFirst("http://".count).dropLast()
    let port = try #require(taken.split(separator: ":").last)
    let run = try ToolRun(
      builtPrograms.appending(path: "fibril").path, ["serve", "--comm", "no such name", "--listen", String(taken)])
    #expect(run.status == 1 && run.output == "")
    #expect(
      run.errors == """
        fibril: cannot listen on 127.0.0.1, port \(port): Address already in use; name another address with --listen

        """)
  }

  @Test func onlyWhoHasTheToken() throws {
    let folder = try TemporaryFolder()
    let file = folder.file("token")
    try Data("a-secret-of-24-bytes-now\n".utf8).write(to: URL(filePath: file))
    #expect(unsafe chmod(file, 0o640) == 0)
    // Nobody has that name.
    let exporter = try Exporter(["--comm", "no such name", "--token-file", file])
    #expect(try exporter.ask("metrics").status == 401)
    #expect(try exporter.ask("metrics", ["-H", "Authorization: Bearer another"]).status == 401)
    let samples = try exporter.samples(["-H", "Authorization: Bearer a-secret-of-24-bytes-now"])
    #expect(samples["fibril_http_requests_total{code=\"401\"}"] == 2)
    #expect(try exporter.ask("healthz").status == 200)
  }

  /// By one run of a program after another, four at a time.
  @Test func aThousandProgramsThatEndAtOnce() throws {
    let program = try OwnProgram(workload)
    let name = "own-thousand"
    let path = URL(filePath: program.path).deletingLastPathComponent().appending(path: name).path
    try FileManager.default.linkItem(atPath: program.path, toPath: path)
    let exporter = try Exporter(["--comm", name])
    let sockets = exporter.holdings()["socket"]
    // The first one's file is attached to, and stays so.
    let first = try Subject(path, ["--fibrils", "1", "--blocks", "1", "--wait-for-tracer", "60"]).outputAtEnd()
    _ = try exporter.wait { $0["fibril_ended_processes_total"] == 1 }
    try exporter.tool.wait { exporter.holdings()["socket"] == sockets }
    let before = exporter.holdings()
    // A file takes more than a pipe does that nobody reads meanwhile.
    let folder = try TemporaryFolder()
    try Data().write(to: URL(filePath: folder.file("lines")))
    let runs = try Subject(
      "/bin/sh", ["-c", "seq 1000 | xargs -P 4 -I{} \"$0\" --fibrils 2 --blocks 3 --kind yield", path],
      output: FileHandle(forWritingAtPath: folder.file("lines")))
    var answers = 0
    while runs.process.isRunning {
      _ = try exporter.samples()
      #expect(try exporter.ask("healthz").status == 200)
      answers += 1
    }
    let lines = try String(contentsOfFile: folder.file("lines"), encoding: .utf8).split(separator: "\n")
    #expect(runs.process.terminationStatus == 0 && lines.count == 1000 && answers > 1)
    let samples = try exporter.wait { $0["fibril_ended_processes_total"] == 1001 }
    #expect(samples["fibril_tracer_records_lost_total"] == 0)
    #expect(samples["fibril_forgotten_processes_total"] == 937)
    // A task's start and end beside.
    var counts: UInt64 = 0
    for line in lines + [first[...]] {
      let printed = try numbers(Data(line.utf8))
      let kinds = ["submits", "blocks", "wakes", "switches", "sleeps", "resumes", "teardowns"]
      counts += 2 + kinds.compactMap { printed[$0] }.reduce(0, +)
    }
    #expect(samples["fibril_tracer_events_total"] == Double(counts))
    #expect(try exporter.residentKilobytes() < 50_000)
    try exporter.tool.wait { exporter.holdings() == before }
    #expect(exporter.end(SIGTERM) == 0)
  }
}
