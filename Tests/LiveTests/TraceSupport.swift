// What the live trace tests share: the numbers a workload prints, and those of a trace's files.
import Foundation
import Testing
import TraceEvents

@testable import BPFLoader

extension Subject {
  /// A process that has just been started may have nothing mapped yet. Fails as `wait` does.
  @discardableResult
  func waitUntilTraceable() throws -> [ProbedFile] {
    let deadline = ContinuousClock.now + .seconds(60)
    while ContinuousClock.now < deadline {
      try #require(process.isRunning, "the program has ended")
      if let folder = ProcessFolder(processID: id), let files = try? ProbedFile.all(of: folder) { return files }
    }
    throw Lateness()
  }
}

/// A copy of a program that nobody else runs: where all processes that run a file have their probes attached, those of
/// other tests would believe that it is they who are traced.
final class OwnProgram {
  private let folder: TemporaryFolder
  let path: String

  init(_ program: String) throws {
    folder = try TemporaryFolder()
    path = folder.file("own")
    // By another process: a child that another test starts must not inherit a descriptor that writes it.
    #expect(try ToolRun("/bin/cp", [program, path]).status == 0)
  }
}

/// A trace that runs in the background, by the command under test.
final class BackgroundTrace {
  let process = Process()
  let folder: TemporaryFolder
  private let errorFile: String

  init(_ arguments: [String]) throws {
    folder = try TemporaryFolder()
    errorFile = folder.file("errors")
    try Data().write(to: URL(filePath: errorFile))
    process.executableURL = builtPrograms.appending(path: "fibril")
    process.arguments =
      ["trace", "-o", folder.file("trace.json"), "--summary", folder.file("summary.json")] + arguments
    process.standardOutput = FileHandle.nullDevice
    process.standardError = FileHandle(forWritingAtPath: errorFile)
    try process.runLimited()
  }

  deinit {
    if process.isRunning { kill(process.processIdentifier, SIGKILL) }
    process.waitUntilExit()
  }

  /// Its results when it has ended by itself.
  func results() throws -> TraceResults {
    process.waitUntilExit()
    return try TraceResults(
      status: process.terminationStatus, errors: String(contentsOfFile: errorFile, encoding: .utf8), folder: folder)
  }
}

/// What a trace wrote.
struct TraceResults {
  var status: Int32
  var errors: String
  var summary: [String: UInt64]
  var events: [[String: Any]]

  init(status: Int32, errors: String, folder: TemporaryFolder) throws {
    self.status = status
    self.errors = errors
    summary = try numbers(Data(contentsOf: URL(filePath: folder.file("summary.json"))))
    let json = try JSONSerialization.jsonObject(with: Data(contentsOf: URL(filePath: folder.file("trace.json"))))
    events = try #require(json as? [[String: Any]])
  }

  /// Traces a command, which prints to this trace's output.
  static func ofCommand(_ options: [String] = [], _ command: [String]) throws -> (TraceResults, output: String) {
    let folder = try TemporaryFolder()
    let run = try ToolRun(
      builtPrograms.appending(path: "fibril").path,
      ["trace", "-o", folder.file("trace.json"), "--summary", folder.file("summary.json")] + options + ["--"] + command)
    return (try TraceResults(status: run.status, errors: run.errors, folder: folder), run.output)
  }

  /// Complete slices of a category.
  func slices(_ category: String, where isMeant: (String) -> Bool = { _ in true }) -> [[String: Any]] {
    events.filter {
      $0["ph"] as? String == "X" && $0["cat"] as? String == category && isMeant($0["name"] as? String ?? "")
    }
  }

  func count(phase: String, category: String? = nil, name: String? = nil) -> Int {
    events.count {
      $0["ph"] as? String == phase && (category == nil || $0["cat"] as? String == category)
        && (name == nil || $0["name"] as? String == name)
    }
  }
}

/// The numbers of a JSON object, as workload and summary are.
func numbers(_ json: Data) throws -> [String: UInt64] {
  try #require(JSONSerialization.jsonObject(with: json) as? [String: Any]).compactMapValues { $0 as? UInt64 }
}
