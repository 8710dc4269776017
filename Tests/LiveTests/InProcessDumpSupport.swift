// Programs that write dumps of themselves: started, sent SIGQUIT, and read.
import Foundation
import Inspection
import Testing

/// A program whose standard error holds its dumps. It ends with this value.
final class SelfDumper {
  private let process = Process()
  private let input = Pipe()
  private let output = Pipe()
  private let folder: TemporaryFolder
  /// What it writes to standard error.
  let errorFile: String

  init(_ program: String, _ arguments: [String]) throws {
    folder = try TemporaryFolder()
    errorFile = folder.file("errors")
    try Data().write(to: URL(filePath: errorFile))
    process.executableURL = URL(filePath: program)
    process.arguments = arguments
    process.standardInput = input
    process.standardOutput = output
    process.standardError = FileHandle(forWritingAtPath: errorFile)
    try withSignals { try process.runLimited() }
  }

  deinit {
    if process.isRunning { kill(process.processIdentifier, SIGKILL) }
    process.waitUntilExit()
  }

  var id: Int32 { process.processIdentifier }
  var isRunning: Bool { process.isRunning }

  /// Waits until it has a task, and so many of its fibrils are parked; 0: however many.
  func waitForParked(_ count: Int) throws {
    let deadline = ContinuousClock.now + .seconds(60)
    while ContinuousClock.now < deadline {
      if let snapshot = try? ProcessInspector(processID: id).read().snapshot,
        count == 0 || DumpTests.isParked(snapshot, count)
      {
        return
      }
      try #require(process.isRunning, "the program has ended")
      usleep(2000)
    }
    throw Subject.Lateness()
  }

  /// The dump of which `isWhole` says that it has all that is known to be in it.
  func dump(until isWhole: (String) -> Bool) throws -> String {
    kill(id, SIGQUIT)
    let deadline = ContinuousClock.now + .seconds(60)
    while ContinuousClock.now < deadline {
      let text = try String(contentsOfFile: errorFile, encoding: .utf8)
      if isWhole(text) { return text }
      try #require(process.isRunning, "the program has ended")
      usleep(2000)
    }
    throw Subject.Lateness()
  }

  /// Sends it SIGQUIT: by the id of a thread the kernel gives it to that one, if it is still there.
  func quit(thread: Int32) { kill(thread, SIGQUIT) }

  var threads: [Int32] {
    ((try? FileManager.default.contentsOfDirectory(atPath: "/proc/\(id)/task")) ?? []).compactMap { Int32($0) }
  }

  /// Lets it read the end of its standard input, and returns what it prints until its end, and how it ends.
  func outputAfterInput() throws -> (text: String, status: Int32) {
    try input.fileHandleForWriting.close()
    let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    process.waitUntilExit()
    return (text, process.terminationReason == .exit ? process.terminationStatus : -process.terminationStatus)
  }
}

/// Lets programs that `body` starts have all signals: the tests' threads block some, and so would the programs.
func withSignals<Result>(_ body: () throws -> Result) rethrows -> Result {
  var none = sigset_t()
  var before = sigset_t()
  unsafe sigemptyset(&none)
  unsafe pthread_sigmask(SIG_SETMASK, &none, &before)
  defer { unsafe pthread_sigmask(SIG_SETMASK, &before, nil) }
  return try body()
}

/// A line of an in-process dump that is none of those that it may consist of; nil if all are right.
func firstStrangeLine(_ text: Substring) -> Substring? {
  // Most of many dumps' lines come again and again.
  let lines = Set(text.split(separator: "\n", omittingEmptySubsequences: false).dropLast())
  return lines.first { line in
    switch true {
    case line.hasPrefix(" 0x"), line.hasPrefix(" ? 0x"):
      (try? /( \?)? 0x[0-9a-f]+( \[.+\+0x[0-9a-f]+\])?( \(interrupted here\))?/.wholeMatch(in: line)) == nil
    case line.hasPrefix("fibril:"):
      (try? /fibril:.+ +state:[RSZ?] stack:(\d+|-) +id:\d+ +task:\d+\(tid \d+\) +parent:\d+ +age:(\d+\.\d{3}s|-) +\S.*/
        .wholeMatch(in: line)) == nil
    case line.hasPrefix("task:"):
      (try? /task:\d+ tid:\d+ fibrils:\d+ runnable:\d+.*  (asleep until a fibril wakes|running fibril \d+)/
        .wholeMatch(in: line)) == nil
    case line.hasPrefix(" module 0x"):
      (try? /\ module 0x[0-9a-f]+-0x[0-9a-f]+ build-id:([0-9a-f]{8,64}|-) .+/.wholeMatch(in: line)) == nil
    case line.hasPrefix("sysrq: Show State of "): !line.contains(/\[\d+\]: (\d+ fibrils? in \d+ tasks? \(|no thread)/)
    case line.hasPrefix(" ("): !line.hasSuffix(")")
    default: !["Modules:", "Call Trace:", " <FIBRIL>", " </FIBRIL>"].contains(line)
    }
  }
}
