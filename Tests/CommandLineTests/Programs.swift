// The programs under test, run to their end or in the background.
import Foundation
import Testing

extension Process {
  /// Starts it, and kills it if it still runs after three minutes: whoever waits for its end, or for
  /// the end of its output, gets there.
  func runLimited() throws {
    try run()
    DispatchQueue.global().asyncAfter(deadline: .now() + 180) { [weak self] in
      if let self, self.isRunning { kill(self.processIdentifier, SIGKILL) }
    }
  }
}

/// A program that ran to its end.
struct Run {
  var output, errors: String
  var status: Int32

  static func program(_ name: String) -> String {
    URL(filePath: "/proc/self/exe").resolvingSymlinksInPath().deletingLastPathComponent().appending(path: name).path
  }

  init(_ program: String, _ arguments: [String]) throws {
    let process = Process()
    process.executableURL = URL(filePath: program.hasPrefix("/") ? program : Self.program(program))
    process.arguments = arguments
    let errorFile = FileManager.default.temporaryDirectory.appending(path: "fibril-errors-\(UUID().uuidString)")
    try Data().write(to: errorFile)
    defer { try? FileManager.default.removeItem(at: errorFile) }
    let pipe = Pipe()
    process.standardOutput = pipe
    process.standardError = try FileHandle(forWritingTo: errorFile)
    process.environment = ProcessInfo.processInfo.environment.merging(["COLUMNS": "80"]) { $1 }
    try process.runLimited()
    output = String(decoding: pipe.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    process.waitUntilExit()
    errors = try String(contentsOf: errorFile, encoding: .utf8)
    status = process.terminationStatus
  }
}

/// A program that ends with this value.
final class Background {
  private let process = Process()
  var id: Int32 { process.processIdentifier }

  init(_ program: String, _ arguments: [String]) throws {
    process.executableURL = URL(filePath: program)
    process.arguments = arguments
    process.standardOutput = FileHandle.nullDevice
    try process.runLimited()
  }

  deinit {
    kill(process.processIdentifier, SIGKILL)
    process.waitUntilExit()
  }

  /// Until it has a task; fails if it ends or a minute passes before.
  func waitUntilInspectable() throws {
    let deadline = ContinuousClock.now + .seconds(60)
    while try Run("fibril", ["dump", "-p", "\(id)"]).status != 0 {
      try #require(process.isRunning && ContinuousClock.now < deadline)
    }
  }
}
