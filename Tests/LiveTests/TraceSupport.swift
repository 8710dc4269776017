// What the live trace tests share: the numbers a workload prints, and those of a trace's files.
import ELFNotes
import Foundation
import Inspection
import Testing
import TraceEvents

@testable import BPFLoader

private let ownProgram = targetOfProcLink("/proc/self/exe")

extension Subject {
  /// A process that has just been started may have nothing mapped yet. Fails as `wait` does.
  @discardableResult
  func waitUntilTraceable() throws -> [ProbedFile] {
    let deadline = ContinuousClock.now + .seconds(60)
    while ContinuousClock.now < deadline {
      try #require(process.isRunning, "the program has ended")
      // Until it executes its program it is a copy of this one, which has probes too.
      if let folder = ProcessFolder(processID: id), targetOfProcLink(folder.path + "/exe") != ownProgram,
        let files = try? ProbedFile.all(of: folder)
      {
        return files
      }
    }
    throw Lateness()
  }

  /// Stops it: what is done while it is held happens to all its threads before their next instruction.
  func hold() throws {
    kill(id, SIGSTOP)
    let deadline = ContinuousClock.now + .seconds(60)
    while ContinuousClock.now < deadline {
      let threads = directoryEntries("/proc/\(id)/task", limit: 4096)
      let states = threads.map { contentsOfProcFile("/proc/\(id)/task/\($0)/stat", limit: 4096) ?? "" }
      if states.allSatisfy({ $0[($0.lastIndex(of: ")") ?? $0.startIndex)...].hasPrefix(") T") }) { return }
      usleep(1000)
    }
    throw Lateness()
  }

  func goOn() { kill(id, SIGCONT) }

  /// What the listeners' counts of the sites are, in the order of the sites, in the process's memory.
  func semaphores(for use: ProbedFile.Use) throws -> [UInt16] {
    let folder = try #require(ProcessFolder(processID: id))
    let sites = try ProbedFile.all(of: folder, for: use).flatMap(\.sites)
    let map = try MemoryMap(processID: id)
    let memory = try #require(FileHandle(forReadingAtPath: "\(folder.path)/mem"))
    let program = try #require(targetOfProcLink(folder.path + "/exe"))
    return try sites.map { site in
      // The last mapping that covers it is the one that the process writes.
      let offset = site.semaphoreFileOffset
      let mapping = try #require(
        map.mappings.last {
          $0.path == program && $0.fileOffset <= offset && offset - $0.fileOffset < UInt64($0.addresses.count)
        })
      try memory.seek(toOffset: mapping.addresses.lowerBound + offset - mapping.fileOffset)
      let bytes = try #require(try memory.read(upToCount: 2))
      return UInt16(bytes[0]) | UInt16(bytes[1]) << 8
    }
  }
}

/// The command under test, running in the background.
final class RunningTool {
  let process = Process()
  private let folder: TemporaryFolder
  private var errorFile: String { folder.file("errors") }

  static func fibril(_ arguments: String...) throws -> RunningTool { try RunningTool(arguments) }

  /// The command, or another program: `path`.
  init(_ arguments: [String], path: String = builtPrograms.appending(path: "fibril").path) throws {
    folder = try TemporaryFolder()
    try Data().write(to: URL(filePath: folder.file("errors")))
    process.executableURL = URL(filePath: path)
    process.arguments = arguments
    process.standardOutput = FileHandle.nullDevice
    process.standardError = FileHandle(forWritingAtPath: errorFile)
    try process.runLimited()
  }

  deinit {
    if process.isRunning { kill(process.processIdentifier, SIGKILL) }
    process.waitUntilExit()
  }

  var id: Int32 { process.processIdentifier }

  /// What it has said so far.
  var errors: String { (try? String(contentsOfFile: errorFile, encoding: .utf8)) ?? "" }

  /// Fails if it ends or a minute passes before.
  func wait(until isReady: () throws -> Bool) throws {
    let deadline = ContinuousClock.now + .seconds(60)
    while ContinuousClock.now < deadline {
      if try isReady() { return }
      try #require(process.isRunning, "it has ended: \(errors)")
      usleep(2000)
    }
    throw Subject.Lateness()
  }

  /// It holds a link to probes. Of several tracers the first raises the semaphores, so they do not tell.
  var hasAttached: Bool {
    directoryEntries("/proc/\(id)/fdinfo", limit: 4096).contains {
      contentsOfProcFile("/proc/\(id)/fdinfo/\($0)", limit: 4096)?.contains("link_type:\tuprobe_multi") == true
    }
  }

  /// Waits until it has raised a semaphore in `subject`.
  func waitUntilItTraces(_ subject: Subject) throws {
    try wait { try subject.semaphores(for: .batches).contains { $0 > 0 } }
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
