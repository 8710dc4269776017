// An exporter that runs for a test, and what it answers.
import Foundation
import Testing
import TraceEvents

/// `fibril serve` in the background, at a free port of the loopback interface.
final class Exporter {
  let tool: RunningTool
  let address: String

  /// `arguments` follow `serve`. `launcher` is a command that executes it.
  init(_ arguments: [String], launcher: [String] = [builtPrograms.appending(path: "fibril").path]) throws {
    tool = try RunningTool(
      launcher.dropFirst() + ["serve", "--listen", "127.0.0.1:0"] + arguments, path: launcher[0])
    let said = "listening on "
    try tool.wait { [tool] in tool.errors.contains(said) && tool.errors.hasSuffix("\n") }
    let start = try #require(tool.errors.range(of: said)).upperBound
    address = String(tool.errors[start...].prefix { $0 != "\n" })
  }

  var id: Int32 { tool.id }

  /// An answer's status and body. The server is asked over a connection of its own.
  func ask(_ path: String, _ options: [String] = []) throws -> (status: Int, body: String) {
    let run = try ToolRun(
      "/usr/bin/curl", ["-sS", "--noproxy", "*", "-m", "60", "-w", "\n%{http_code}"] + options + [address + path])
    try #require(run.status == 0, "\(run.errors)\(tool.errors)")
    let end = try #require(run.output.lastIndex(of: "\n"))
    return (try #require(Int(run.output[run.output.index(after: end)...])), String(run.output[..<end]))
  }

  func samples(_ options: [String] = []) throws -> MetricSamples {
    let answer = try ask("metrics", ["-H", "Accept: application/openmetrics-text"] + options)
    try #require(answer.status == 200 && answer.body.hasSuffix("\n# EOF\n"), "\(answer)")
    return MetricSamples(answer.body)
  }

  /// Asks until the figures are as wanted; fails if it ends or a minute passes before.
  func wait(until isReady: (MetricSamples) -> Bool) throws -> MetricSamples {
    var samples = try samples()
    try tool.wait {
      samples = try self.samples()
      return isReady(samples)
    }
    return samples
  }

  /// Ends it by a signal and returns its exit status.
  func end(_ signal: Int32) -> Int32 {
    kill(id, signal)
    tool.process.waitUntilExit()
    return tool.process.terminationReason == .exit ? tool.process.terminationStatus : -1
  }

  /// The process by which it makes a dump.
  var dumping: Int32? {
    directoryEntries("/proc", limit: 1 << 17).compactMap { Int32($0) }.first {
      guard let status = ProcessStatus($0), status.parent == id, status.state != "Z" else { return false }
      return contentsOfProcFile("/proc/\($0)/cmdline", limit: 64)?.hasPrefix("fibril\0dump\0") == true
    }
  }

  /// Its memory, in KiB.
  func residentKilobytes() throws -> Int {
    let status = try String(contentsOfFile: "/proc/\(id)/status", encoding: .utf8)
    let line = try #require(status.split(separator: "\n").first { $0.hasPrefix("VmRSS:") })
    return try #require(line.split(whereSeparator: \.isWhitespace).dropFirst().first.flatMap { Int($0) })
  }

  /// How many descriptors it has opened of each kind, links and maps of BPF programs among them, and how many mappings of other
  /// processes' buffers.
  func holdings() -> [String: Int] {
    let folder = "/proc/\(id)/fd"
    let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
    let targets = names.filter { Int($0)! > 2 }.compactMap {
      try? FileManager.default.destinationOfSymbolicLink(atPath: "\(folder)/\($0)")
    }
    var holdings = Dictionary(targets.map { ($0.hasPrefix("socket:") ? "socket" : $0, 1) }, uniquingKeysWith: +)
    let mappings = (try? String(contentsOfFile: "/proc/\(id)/maps", encoding: .utf8)) ?? ""
    holdings["buffers"] = mappings.split(separator: "\n").count { $0.contains("/memfd:") }
    return holdings
  }
}

/// What the kernel says of a process.
struct ProcessStatus {
  /// Its letter.
  var state: Substring
  var parent: Int32

  /// Nil: there is none.
  init?(_ id: Int32) {
    guard let text = contentsOfProcFile("/proc/\(id)/stat", limit: 4096), let end = text.lastIndex(of: ")") else {
      return nil
    }
    let words = text[end...].split(separator: " ")
    guard words.count > 2, let parent = Int32(words[2]) else { return nil }
    (state, self.parent) = (words[1], parent)
  }
}

/// The samples of a text.
struct MetricSamples {
  private var values: [String: Double] = [:]

  init(_ text: String) {
    for line in text.split(separator: "\n") where !line.hasPrefix("#") {
      guard let end = line.lastIndex(of: " ") else { continue }
      values[String(line[..<end])] = Double(line[line.index(after: end)...])
    }
  }

  subscript(series: String) -> Double? { values[series] }

  /// The sum of a family's samples that have all these labels.
  func sum(_ name: String, _ labels: String...) -> Double? {
    let found = values.filter { series, _ in
      series.hasPrefix(name + "{") && labels.allSatisfy { series.contains($0) }
    }
    return found.isEmpty ? nil : found.values.reduce(0, +)
  }
}
