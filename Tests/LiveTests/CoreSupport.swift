// Programs that are killed so that they leave a core file.
import Foundation
import Testing

/// A program in a folder of its own, where its core files go.
final class CoreSubject {
  let folder: TemporaryFolder
  let subject: Subject

  /// What the core files of this machine are called; tests of them fail where something else takes them.
  static func requireCoreFiles() throws {
    let pattern = try String(contentsOfFile: "/proc/sys/kernel/core_pattern", encoding: .utf8)
    try #require(
      !pattern.hasPrefix("|") && !pattern.contains("/"),
      "core files go elsewhere (\(pattern)); for these tests, echo core > /proc/sys/kernel/core_pattern")
  }

  init(_ program: String, _ arguments: [String] = []) throws {
    try Self.requireCoreFiles()
    folder = try TemporaryFolder()
    // Swift's own backtraces would take the signal.
    let script = "cd \"$0\" && ulimit -c unlimited && SWIFT_BACKTRACE=enable=no exec \"$@\""
    subject = try Subject("/bin/bash", ["-c", script, folder.url.path, program] + arguments)
  }

  /// Kills it and returns its core file.
  func killed() throws -> String {
    kill(subject.id, SIGSEGV)
    subject.process.waitUntilExit()
    let names = try FileManager.default.contentsOfDirectory(atPath: folder.url.path)
    return folder.file(try #require(names.first { $0.hasPrefix("core") }, "it left no core file"))
  }
}
