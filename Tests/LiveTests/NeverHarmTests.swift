// A traced program computes what it computes untraced, whatever goes on in it and around it.
import BPFLoader
import Foundation
import Testing
import TraceEvents

/// What Tests/NeverHarm/harm.c said at its end.
struct HarmReport {
  let checksum: String
  let numbers: [String: UInt64]

  init(_ output: String) throws {
    let object = try JSONSerialization.jsonObject(with: Data(output.utf8))
    let fields = try #require(object as? [String: Any], "it said \(output)")
    try self.init(fields)
  }

  init(_ fields: [String: Any]) throws {
    checksum = try #require(fields["checksum"] as? String)
    numbers = fields.compactMapValues { $0 as? UInt64 }
  }

  /// The same work came out the same each time, and no probe site changed a register.
  func expectSame(as other: HarmReport, sourceLocation: SourceLocation = #_sourceLocation) {
    #expect(checksum == other.checksum, sourceLocation: sourceLocation)
    #expect(numbers["wrong"] == 0 && numbers["changed_registers"] == 0, sourceLocation: sourceLocation)
    // Each of its 16 strands goes through all 64 units of work at least once.
    #expect(numbers["units"] ?? 0 >= 16 * 64, sourceLocation: sourceLocation)
  }
}

/// One after the other: each keeps all processors busy by itself.
@Suite(.serialized) struct NeverHarmTests {
  private let program: CompiledProgram
  private let untraced: HarmReport

  init() throws {
    let sources = ["harm.c", "disturbances.c", "registers.S"].map { "Tests/NeverHarm/" + $0 }
    program = try CompiledProgram(sources + ["Examples/foreign/strands.c"], flags: ["-pthread"])
    untraced = try HarmReport(ToolRun(program.path, []).output)
  }

  /// Traces by the command, which writes no events out: there are millions. Returns what the traced command printed and
  /// the summary, of a trace that lost nothing.
  private func trace(_ arguments: [String]) throws -> (output: String, summary: [String: UInt64]) {
    let folder = try TemporaryFolder()
    let run = try ToolRun.fibril(["trace", "--summary", folder.file("summary.json")] + arguments)
    #expect(run.status == 0, "\(run.errors)")
    let summary = try numbers(Data(contentsOf: URL(filePath: folder.file("summary.json"))))
    #expect(summary["lost"] == 0, "\(run.errors)")
    return (run.output, summary)
  }

  /// Traces a command from its start to its end, whose own counts the tracer must have.
  private func expectSame(_ command: [String], as untraced: HarmReport) throws {
    let (output, summary) = try trace(["--"] + command)
    let report = try HarmReport(output)
    report.expectSame(as: untraced)
    for name in ["submits", "blocks", "wakes", "switches", "sleeps", "resumes", "teardowns"] {
      #expect(summary[name] == report.numbers[name], "\(name)")
    }
  }

  @Test func inBatchesFromItsStartOn() throws {
    try expectSame([program.path], as: untraced)
  }

  @Test func inPreciseMode() throws {
    var trace = try PreciseTrace(program.path, [])
    let totals = try trace.run()
    try HarmReport(trace.subject.outputAtEnd()).expectSame(as: untraced)
    #expect(totals.records > 10_000)
  }

  /// A trap at every single event, by another tracer.
  @Test func probeByProbe() throws {
    let run = try ToolRun("/usr/bin/bpftrace", ["-e", countEveryProbe, "-c", program.path])
    let json = try #require(run.output.split(separator: "\n").first { $0.hasPrefix("{") }, "\(run.errors)")
    let report = try HarmReport(String(json))
    report.expectSame(as: untraced)
    for (probe, count) in [("block", "blocks"), ("wake", "wakes"), ("submit", "submits"), ("teardown", "teardowns")] {
      // Those that the program fires by itself come on top.
      #expect(try #require(Self.count(of: probe, in: run.output)) > report.numbers[count]!, "\(probe)")
    }
  }

  /// Both at a time.
  @Test func inBatchesAndProbeByProbe() throws {
    let subject = try Subject(program.path)
    try subject.waitUntilTraceable()
    let other = Process()
    let output = Pipe()
    other.executableURL = URL(filePath: "/usr/bin/bpftrace")
    other.arguments = ["-e", countEveryProbe, "-p", "\(subject.id)"]
    (other.standardOutput, other.standardError) = (output, FileHandle.nullDevice)
    try other.runLimited()
    for _ in 0..<5 { #expect(try trace(["-p", "\(subject.id)", "-d", "300ms"]).summary["events"]! > 0) }
    try HarmReport(subject.outputAfterInput()).expectSame(as: untraced)
    let counts = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    other.waitUntilExit()
    #expect(try #require(Self.count(of: "switch", in: counts), "\(counts)") > 1000)
  }

  private var countEveryProbe: String { "usdt:\(program.path):fibril:* { @[probe] = count(); }" }

  private static func count(of probe: String, in output: String) -> UInt64? {
    output.split(separator: "\n").first { $0.hasPrefix("@[") && $0.contains(":\(probe)]: ") }
      .flatMap { UInt64($0.split(separator: " ").last!) }
  }

  /// Rounds of attaching and detaching, under load, after which the program says what it says untraced and nothing is
  /// left of any round. `make soak` does more of them.
  private func soak(_ rounds: Int, _ program: [String], seconds: Double = 180) throws -> HarmReport {
    let run = try ToolRun(
      builtPrograms.appending(path: "fibril-soak").path, ["\(rounds)"] + program, seconds: seconds)
    #expect(run.status == 0, "\(run.errors)")
    let object = try JSONSerialization.jsonObject(with: Data(run.output.utf8))
    let result = try #require(object as? [String: Any], "\(run.output)\(run.errors)")
    #expect(result["rounds"] as? Int == rounds)
    #expect(try #require(result["records"] as? Int) >= rounds * 1000)
    return try HarmReport(#require(result["program"] as? [String: Any]))
  }

  @Test func fiveHundredRounds() throws {
    try soak(500, [program.path], seconds: 900).expectSame(as: untraced)
  }

  @Test func aRuntimeOfOurs() throws {
    let path = builtPrograms.appending(path: "fibril-harm").path
    let untraced = try HarmReport(ToolRun(path, []).output)
    try soak(25, [path]).expectSame(as: untraced)
    try expectSame([path], as: untraced)
  }

  /// Children by fork, vfork and posix_spawn; signals on a stack of their own; a filter that kills at whatever system
  /// call is not known, as the kernel's own for longer nops would be; another program in the same process.
  @Test(arguments: [["forks"], ["signals"], ["forks", "signals"], ["seccomp"], ["seccomp", "signals"], ["exec"]])
  func whateverGoesOn(disturbances: [String]) throws {
    let report = try soak(10, [program.path] + disturbances)
    report.expectSame(as: untraced)
    if disturbances.contains("forks") || disturbances.contains("signals") {
      #expect(try #require(report.numbers["disturbances"]) > 20)
    }
    try HarmReport(trace(["--", program.path] + disturbances).output).expectSame(as: untraced)
  }

  @Test func aProcessThatIsStopped() throws {
    let subject = try Subject(program.path)
    try subject.waitUntilTraceable()
    for _ in 0..<3 {
      kill(subject.id, SIGSTOP)
      try waitUntilAllThreads(of: subject.id, are: "T")
      #expect(try trace(["-p", "\(subject.id)", "-d", "50ms"]).summary["events"] == 0)
      kill(subject.id, SIGCONT)
      #expect(try trace(["-p", "\(subject.id)", "-d", "100ms"]).summary["events"]! > 0)
      // Stopped when it is traced already, and gone on with after that.
      let process = subject.id
      let before = recorded(by: process)
      let stopper = Thread {
        try? wait { recorded(by: process) > before }
        kill(process, SIGSTOP)
      }
      stopper.start()
      #expect(try trace(["-p", "\(subject.id)", "-d", "300ms"]).summary["events"]! > 0)
      try wait { stopper.isFinished }
      kill(subject.id, SIGCONT)
    }
    try HarmReport(subject.outputAfterInput()).expectSame(as: untraced)
  }

  @Test func aProcessUnderAnotherDebugger() throws {
    let subject = try Subject(program.path)
    try subject.waitUntilTraceable()
    let folder = try TemporaryFolder()
    let other = Process()
    other.executableURL = URL(filePath: "/usr/bin/strace")
    other.arguments = ["-f", "-qq", "-o", folder.file("calls"), "-p", "\(subject.id)"]
    other.standardError = FileHandle.nullDevice
    try other.runLimited()
    defer {
      if other.isRunning { kill(other.processIdentifier, SIGKILL) }
      other.waitUntilExit()
    }
    try wait {
      try String(contentsOfFile: "/proc/\(subject.id)/status", encoding: .utf8)
        .contains("TracerPid:\t\(other.processIdentifier)\n")
    }
    for _ in 0..<3 { #expect(try trace(["-p", "\(subject.id)", "-d", "100ms"]).summary["events"]! > 0) }
    // Without it the program comes to its end sooner. It may have inherited any signal as a blocked one, but not this.
    kill(other.processIdentifier, SIGKILL)
    other.waitUntilExit()
    try HarmReport(subject.outputAfterInput()).expectSame(as: untraced)
    let calls = try String(contentsOfFile: folder.file("calls"), encoding: .utf8)
    // The trap of a 1-byte nop is the kernel's own: a debugger does not see it.
    #expect(calls.contains("rt_sigprocmask") && !calls.contains("SIGTRAP"))
  }

  private func waitUntilAllThreads(of process: Int32, are state: Character) throws {
    try wait {
      try FileManager.default.contentsOfDirectory(atPath: "/proc/\(process)/task").allSatisfy { thread in
        let line = try String(contentsOfFile: "/proc/\(process)/task/\(thread)/stat", encoding: .utf8)
        return line[line.lastIndex(of: ")")!...].dropFirst(2).first == state
      }
    }
  }
}

/// How many records the tasks of a process have made.
private func recorded(by process: Int32) -> UInt64 {
  guard let folder = ProcessFolder(processID: process), let buffers = BufferFile(of: folder) else { return 0 }
  return (0..<buffers.count).reduce(0) { $0 + (buffers.header(at: $1)?.head ?? 0) }
}

private func wait(until isReady: () throws -> Bool) throws {
  let deadline = ContinuousClock.now + .seconds(60)
  while ContinuousClock.now < deadline {
    if try isReady() { return }
    usleep(1000)
  }
  throw Subject.Lateness()
}
