// `.fbt` files as the command writes them: complete, cut by a killed tracer, cut by a full disk; and the flight recorder.
import Foundation
import Testing
import TraceEvents

@Suite struct RecordingTests {
  let workload = builtPrograms.appending(path: "fibril-workload").path
  private let own: OwnProgram
  private let endless = ["--tasks", "1", "--fibrils", "50", "--blocks", "5000000", "--kind"]

  /// Other tests attach to whoever has the workload's file.
  init() throws { own = try OwnProgram(workload) }

  /// What a recording comes to: how it ended, its totals, and what the command exports of it.
  private struct Recording {
    var ending: FBTEnding
    var totals: FBTTotals?
    var rows: [Substring]
    var errors: String

    init(_ path: String) throws {
      let file = try #require(FileHandle(forReadingAtPath: path))
      var reader = try FBTReader { count in (try? file.read(upToCount: count)).map { [UInt8]($0) } ?? [] }
      var sink = NoSink()
      ending = try reader.replay(into: &sink)
      totals = reader.totals
      let run = try ToolRun.fibril("export", path, "-o", "-", "--format", "csv")
      #expect(run.status == 0, "\(run.errors)")
      errors = run.errors
      rows = Array(run.output.split(separator: "\n").dropFirst())
    }

    func count(_ event: String) -> Int { rows.count { $0.contains(",\(event),") } }

    /// Ids of the processes and events in the order of the file.
    var times: [UInt64] { rows.compactMap { UInt64($0.prefix { $0 != "," }) } }
  }

  @Test(arguments: ["sleep", "yield", "mutex"], [[], ["--compress"]])
  func aFileHoldsWhatTheWorkloadDid(kind: String, options: [String]) throws {
    let folder = try TemporaryFolder()
    let run = try ToolRun.fibril(
      ["trace", "-o", folder.file("t.fbt"), "--summary", folder.file("s.json")] + options
        + ["--", workload, "--tasks", "2", "--fibrils", "100", "--blocks", "20", "--kind", kind])
    #expect(run.status == 0, "\(run.errors)")
    let printed = try numbers(Data(run.output.utf8))
    let summary = try numbers(Data(contentsOf: URL(filePath: folder.file("s.json"))))
    let recording = try Recording(folder.file("t.fbt"))
    #expect(recording.ending == .complete && recording.totals?.lost == 0 && summary["lost"] == 0)
    #expect(recording.totals?.events == summary["events"] && recording.rows.count == Int(summary["events"]!))
    for (event, key) in [("block", "blocks"), ("wake", "wakes"), ("teardown", "teardowns")] {
      #expect(recording.count(event) == Int(printed[key]!) && summary[key] == printed[key])
    }
    let switches = printed["switches"]! + printed["sleeps"]! + printed["resumes"]!
    #expect(recording.count("switch") == Int(switches))
    #expect(recording.times == recording.times.sorted())
  }

  @Test func aKilledTracersFileIsReadUpToItsLastWholeChunk() throws {
    let folder = try TemporaryFolder()
    let subject = try Subject(own.path, endless + ["yield"])
    try subject.waitUntilTraceable()
    let tracer = try RunningTool.fibril("trace", "-p", "\(subject.id)", "-o", folder.file("t.fbt"))
    try tracer.wait { size(folder.file("t.fbt")) > 200 << 10 }
    kill(tracer.id, SIGKILL)
    tracer.process.waitUntilExit()
    #expect(subject.process.isRunning)
    // Wherever it was cut.
    let whole = try Data(contentsOf: URL(filePath: folder.file("t.fbt"))).prefix(300 << 10)
    for cut in [0, 1, 7777] {
      let path = folder.file("cut-\(cut).fbt")
      try whole.dropLast(cut).write(to: URL(filePath: path))
      let recording = try Recording(path)
      guard case .cut(let offset, _) = recording.ending else {
        Issue.record("\(recording.ending)")
        continue
      }
      #expect(offset > 100 << 10 && offset <= UInt64(whole.count))
      #expect(recording.count("switch") > 10_000 && recording.errors.contains("cut"))
    }
  }

  @Test(arguments: ["t.fbt", "t.json"]) func aFullDiskEndsTheTraceWithAnError(name: String) throws {
    try #require(geteuid() == 0, "only root can mount a small file system")
    let folder = try TemporaryFolder()
    let place = folder.file("small")
    try FileManager.default.createDirectory(atPath: place, withIntermediateDirectories: false)
    #expect(try ToolRun("/bin/mount", ["-t", "tmpfs", "-o", "size=256k", "fibril-test", place]).status == 0)
    defer { _ = try? ToolRun("/bin/umount", [place]) }
    let subject = try Subject(own.path, endless + ["yield"])
    try subject.waitUntilTraceable()
    let path = place + "/" + name
    let run = try ToolRun.fibril("trace", "-p", "\(subject.id)", "-o", path)
    #expect(run.status == 1 && run.errors.contains("cannot write \(path): No space left on device; free some space"))
    #expect(subject.process.isRunning)
    guard name.hasSuffix(".fbt") else { return }
    let recording = try Recording(path)
    if case .cut(let offset, _) = recording.ending { #expect(offset > 150_000) } else { #expect(Bool(false)) }
    #expect(recording.count("switch") > 10_000)
  }

  private func size(_ path: String) -> Int {
    ((try? FileManager.default.attributesOfItem(atPath: path))?[.size] as? Int) ?? 0
  }

  // MARK: Flight recorder

  @Test func aFlightRecorderWritesWhenAskedAndAtTheEnd() throws {
    let folder = try TemporaryFolder()
    let subject = try Subject(own.path, endless + ["sleep"])
    try subject.waitUntilTraceable()
    let tracer = try RunningTool.fibril(
      "trace", "-p", "\(subject.id)", "--keep", "300ms", "-o", folder.file("t.fbt"))
    try tracer.waitUntilItTraces(subject)
    for name in ["t.fbt", "t.2.fbt"] {
      // What it keeps fills up, and it lets go of what is older.
      usleep(700_000)
      kill(tracer.id, SIGUSR1)
      try tracer.wait { tracer.errors.contains("wrote \(folder.file(name)), ") }
    }
    kill(tracer.id, SIGINT)
    tracer.process.waitUntilExit()
    #expect(tracer.process.terminationStatus == 0)
    for name in ["t.fbt", "t.2.fbt", "t.3.fbt"] {
      let recording = try Recording(folder.file(name))
      #expect(recording.ending == .complete && recording.totals?.lost == 0)
      #expect(recording.rows.count > 50 && recording.totals?.fibrils ?? 0 >= 50)
      let times = recording.times
      #expect(times == times.sorted())
      // One round more or less, and whatever a busy machine adds.
      let (first, last) = try (#require(times.first), #require(times.last))
      #expect(last - first >= 200_000_000)
    }
    let begins = try ["t.fbt", "t.2.fbt", "t.3.fbt"].map { try #require(try Recording(folder.file($0)).times.first) }
    #expect(begins[0] < begins[1] && begins[1] < begins[2], "what is kept moves on")
  }

  @Test func aFlightRecorderWritesWhenItsTargetDies() throws {
    let folder = try TemporaryFolder()
    let subject = try Subject(own.path, endless + ["yield"])
    try subject.waitUntilTraceable()
    let tracer = try RunningTool.fibril("trace", "-p", "\(subject.id)", "--keep", "256KiB", "-o", folder.file("t.fbt"))
    try tracer.waitUntilItTraces(subject)
    usleep(500_000)
    kill(subject.id, SIGKILL)
    tracer.process.waitUntilExit()
    #expect(tracer.process.terminationStatus == 0)
    let recording = try Recording(folder.file("t.fbt"))
    #expect(recording.ending == .complete && recording.count("switch") > 10_000)
    #expect(size(folder.file("t.fbt")) < 8 << 20)
  }

  /// A process that is stopped for a while makes whoever runs a hog, and lets whoever could run wait.
  @Test(arguments: ["hog>40ms", "runq>40ms", "blocked:sleep>1ms"]) func aTriggerEndsTheTrace(condition: String) throws {
    let folder = try TemporaryFolder()
    let subject = try Subject(own.path, endless + [condition.hasPrefix("blocked") ? "sleep" : "yield"])
    try subject.waitUntilTraceable()
    let tracer = try RunningTool.fibril(
      "trace", "-p", "\(subject.id)", "--keep", "1s", "--on", "blocked:mutex>1ns", "--on", condition, "-o",
      folder.file("t.fbt"))
    // On a busy machine it may come true, and the tracer end, without this.
    while tracer.process.isRunning {
      kill(subject.id, SIGSTOP)
      usleep(100_000)
      kill(subject.id, SIGCONT)
      usleep(20_000)
    }
    #expect(tracer.process.terminationStatus == 0)
    #expect(tracer.errors.contains("\(condition) came true: fibril "), "\(tracer.errors)")
    let recording = try Recording(folder.file("t.fbt"))
    // It may come true before the first event: of a process that was stopped, the table alone is told.
    #expect(recording.ending == .complete && recording.totals?.tasks == 1)
  }
}

/// Takes a recording and keeps nothing.
private struct NoSink: RecordingSink {
  mutating func add(_ pair: ClockPair) {}
  mutating func begin(_ process: RecordedProcess) {}
  mutating func take(_ modules: [RecordedModule], of process: Int) {}
  mutating func take(_ snapshot: ProcessSnapshot, of process: Int) {}
  mutating func take(_ names: [String], from index: Int, of process: Int) {}
  mutating func take(stack: [UInt64], id: UInt32, of process: Int) {}
  mutating func begin(task: UInt64, at number: UInt64, of process: Int) {}
  mutating func take(records: RawSpan, of task: UInt64, from first: UInt64, of process: Int) {}
  mutating func end(task: UInt64, at number: UInt64, of process: Int) {}
  mutating func end(_ process: Int, _ ending: ProcessEnding, at time: UInt64) {}
  mutating func mark(_ time: UInt64) {}
}
