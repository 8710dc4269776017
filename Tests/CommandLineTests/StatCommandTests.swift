// `fibril stat` of recordings that no tracer of this machine made. No rights are needed.
import CFibrilContract
import Foundation
import Testing
import TraceEvents

@Suite struct StatCommandTests {
  private static let second: UInt64 = 1_000_000_000

  /// Of a root that waits from `start` to `end`, and then again; all is told until `mark`.
  private func stat(
    _ arguments: [String], header: FBTHeader, begin: UInt64, start: UInt64, end: UInt64, mark: UInt64
  ) throws -> Run {
    var bytes: [UInt8] = []
    var writer = try FBTWriter(header: header) { bytes += $0 }
    try writer.begin(
      RecordedProcess(index: 0, processID: 4_194_303, command: "server", clock: .monotonic, begin: begin))
    let mutex = FIBRIL_REASON_MUTEX.rawValue
    let records = [
      (FIBRIL_RECORD_TASK_START, start, 1, 77, 0), (FIBRIL_RECORD_BLOCK, start, 1, 2, mutex),
      (FIBRIL_RECORD_WAKE, end, 1, 0, 0), (FIBRIL_RECORD_BLOCK, end, 1, 2, mutex),
      (FIBRIL_RECORD_SWITCH, end, 0, 1, FIBRIL_STATE_BLOCKED.rawValue),
    ].enumerated().map { number, record in
      fibril_record(
        time: record.1, fibril: record.2, arg: record.3, kind: UInt16(record.0.rawValue), number16: UInt16(number),
        arg32: record.4)
    }
    try unsafe writer.take(records: records.span.bytes, of: 1, from: 0, of: 0)
    try writer.mark(mark)
    try writer.finish(at: mark)
    let file = FileManager.default.temporaryDirectory.appending(path: "fibril-stat-\(UUID().uuidString).fbt")
    try Data(bytes).write(to: file)
    defer { try? FileManager.default.removeItem(at: file) }
    return try Run("fibril", ["stat"] + arguments + [file.path])
  }

  /// Its clock may be far ahead of this machine's.
  @Test func momentsAreThoseOfTheRecording() throws {
    let begin = UInt64(1) << 50
    var header = FBTHeader.now(tracer: "0.1.0")
    (header.realTime, header.monotonicTime) = (1_700_000_000 * Self.second, begin)
    let run = try stat(
      ["--json"], header: header, begin: begin, start: begin + 1000, end: begin + 2000, mark: begin + 5 * Self.second)
    #expect(run.status == 0, "\(run.errors)")
    let figures = try #require(try JSONSerialization.jsonObject(with: Data(run.output.utf8)) as? [String: Any])
    #expect(figures["time_ns"] as? UInt64 == begin + 5 * Self.second)
    #expect(figures["unix_time"] as? Double == 1_700_000_005)
  }

  /// Times that cannot be, and waits of decades, end in a table all the same.
  @Test func anyTimesFitTheTable() throws {
    for mark in [1, .max] as [UInt64] {
      let run = try stat([], header: .now(tracer: "0.1.0"), begin: 0, start: 0, end: .max - 2, mark: mark)
      #expect(run.status == 0, "\(run.errors)")
      let lines = run.output.split(separator: "\n")
      #expect(lines.contains { $0.hasPrefix("blocked: mutex") })
      #expect(lines.allSatisfy { $0.count <= 80 }, "\(run.output)")
    }
  }
}
