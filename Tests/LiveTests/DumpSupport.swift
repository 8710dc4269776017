// What the live dump tests share: programs that are started and ended, and dumps taken apart.
import Foundation
import Inspection
import Testing
import TraceEvents

/// The folder that holds the programs that this package builds.
let builtPrograms = URL(filePath: "/proc/self/exe").resolvingSymlinksInPath().deletingLastPathComponent()

extension Process {
  /// Starts it, and kills it if it still runs after so many seconds: whoever waits for its end, or for
  /// the end of its output, gets there.
  func runLimited(seconds: Double = 180) throws {
    try run()
    DispatchQueue.global().asyncAfter(deadline: .now() + seconds) { [weak self] in
      if let self, self.isRunning { kill(self.processIdentifier, SIGKILL) }
    }
  }
}

/// A program that runs, and ends with this value.
final class Subject {
  let process = Process()
  private let output = Pipe()
  private let input = Pipe()

  /// Its output is collected, or goes to `file`.
  init(_ program: String, _ arguments: [String] = [], output file: FileHandle? = nil) throws {
    process.executableURL = URL(filePath: program)
    process.arguments = arguments
    process.standardInput = input
    process.standardOutput = file ?? output
    try process.runLimited()
  }

  deinit {
    if process.isRunning { kill(process.processIdentifier, SIGKILL) }
    process.waitUntilExit()
  }

  var id: Int32 { process.processIdentifier }

  /// Lets it read the end of its standard input, and returns all it prints until its end.
  func outputAfterInput() throws -> String {
    try input.fileHandleForWriting.close()
    return outputAtEnd()
  }

  /// All it prints until its end.
  func outputAtEnd() -> String {
    let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    process.waitUntilExit()
    return text
  }

  /// Waits until its fibrils are as wanted; fails if it ends or a minute passes before.
  func wait(until isReady: (ProcessSnapshot) -> Bool) throws -> ProcessSnapshot {
    let deadline = ContinuousClock.now + .seconds(60)
    while ContinuousClock.now < deadline {
      try #require(process.isRunning, "the program has ended")
      if let snapshot = try? ProcessInspector(processID: id).read().snapshot, isReady(snapshot) { return snapshot }
      usleep(2000)
    }
    throw Lateness()
  }

  struct Lateness: Error {}
}

/// What a tool prints to standard output and to standard error, and its exit status.
struct ToolRun {
  var output, errors: String
  var status: Int32

  /// Its standard input is empty.
  init(_ program: String, _ arguments: [String], seconds: Double = 180) throws {
    let process = Process()
    process.executableURL = URL(filePath: program)
    process.arguments = arguments
    process.standardInput = FileHandle.nullDevice
    let folder = try TemporaryFolder()
    let errorFile = folder.file("errors")
    try Data().write(to: URL(filePath: errorFile))
    let pipe = Pipe()
    process.standardOutput = pipe
    process.standardError = FileHandle(forWritingAtPath: errorFile)
    try process.runLimited(seconds: seconds)
    output = String(decoding: pipe.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    process.waitUntilExit()
    errors = try String(contentsOfFile: errorFile, encoding: .utf8)
    status = process.terminationStatus
  }

  /// The command under test.
  static func fibril(_ arguments: String...) throws -> ToolRun { try fibril(arguments) }

  /// The same with arguments that are put together.
  static func fibril(_ arguments: [String]) throws -> ToolRun {
    try ToolRun(builtPrograms.appending(path: "fibril").path, arguments)
  }
}

/// A folder that goes with the value.
final class TemporaryFolder {
  let url = FileManager.default.temporaryDirectory.appending(path: "fibril-dump-\(UUID().uuidString)")
  init() throws { try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true) }
  deinit { try? FileManager.default.removeItem(at: url) }
  func file(_ name: String) -> String { url.appending(path: name).path }
}

/// One fibril of a dump.
struct DumpedFibril {
  var line: String
  /// Between `<FIBRIL>` and `</FIBRIL>`, the innermost first.
  var frames: [String] = []
  /// Lines of the call trace that are no frames.
  var notes: [String] = []

  var id: Int? { field("id") }
  var parent: Int? { field("parent") }
  var name: String? { line.split(separator: " ").first.map { String($0.dropFirst("fibril:".count)) } }

  private func field(_ name: String) -> Int? {
    line.split(separator: " ").first { $0.hasPrefix(name + ":") }.flatMap { Int($0.dropFirst(name.count + 1)) }
  }

  /// The frames' functions, without arguments and offsets.
  var functions: [String] {
    frames.map { frame in String(frame.trimmingPrefix("? ").prefix { $0 != "(" && $0 != "+" }) }
  }

  /// All fibrils of a dump, in its order, without what it tells of deadlocks first.
  static func parse(_ dump: String) -> [DumpedFibril] {
    var fibrils: [DumpedFibril] = []
    var isInFibril = false
    for line in dump.split(separator: "\n") {
      if line.hasPrefix("fibril:") {
        isInFibril = true
        fibrils.append(DumpedFibril(line: String(line)))
      } else if line.hasPrefix("=") {
        isInFibril = false
      } else if line.hasPrefix(" ("), isInFibril {
        fibrils[fibrils.count - 1].notes.append(String(line.dropFirst()))
      } else if line.hasPrefix(" "), !line.hasPrefix(" <"), !line.hasPrefix(" </"), isInFibril {
        fibrils[fibrils.count - 1].frames.append(String(line.dropFirst()))
      }
    }
    // Those in a deadlock are told of twice.
    return fibrils.indices.filter { index in
      let id = fibrils[index].id
      return !fibrils[(index + 1)...].contains { $0.id == id }
    }.map { fibrils[$0] }
  }
}
