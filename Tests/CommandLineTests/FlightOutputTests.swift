// What a flight recorder watches for: only what it has been told counts, however late it looks.
import CFibrilContract
import Foundation
import Testing
import TraceEvents

@testable import FibrilCLI

@Suite struct FlightOutputTests {
  private let path = FileManager.default.temporaryDirectory.appending(path: "fibril-\(UUID().uuidString).fbt").path

  /// A tracer that is behind does not take its own lateness for a fibril's.
  @Test(arguments: ["hog>3ms", "hog>3500us"]) func aLateTracerSeesNoHog(condition: String) throws {
    let trigger = try #require(TriggerArgument(argument: condition)).trigger
    let capacity = try #require(KeepArgument(argument: "1s")).capacity
    var output = FlightOutput(
      capacity: capacity, triggers: [trigger], file: try OutputFile(path: path, option: "-o"), path: path,
      options: FBTWriter.Options())
    let millisecond: UInt64 = 1_000_000
    let base = ClockPair.now().nanoseconds - 1000 * millisecond
    try output.begin(RecordedProcess(index: 0, processID: 1, command: "p", clock: .monotonic, begin: base))
    let start = fibril_record(
      time: base + 2 * millisecond, fibril: 1, arg: 7, kind: UInt16(FIBRIL_RECORD_TASK_START.rawValue), number16: 0,
      arg32: 0)
    try unsafe output.take(records: [start].span.bytes, of: 1, from: 0, of: 0)
    try output.mark(base + 3 * millisecond)
    #expect(try output.review(at: ClockPair.now().nanoseconds) == nil)
    try output.mark(base + 6 * millisecond)
    var found: String?
    // It does not look all the time.
    for _ in 0..<10_000 where found == nil {
      found = try output.review(at: ClockPair.now().nanoseconds)
      usleep(1000)
    }
    #expect(found == "\(condition) came true: fibril 1 of task 1, 4000 us so far")
  }

  /// What happened before somebody asked for a copy is in it, although it had not been told yet.
  @Test func aCopyHoldsWhatHappenedBeforeItWasAskedFor() throws {
    let capacity = try #require(KeepArgument(argument: "1h")).capacity
    var output = FlightOutput(
      capacity: capacity, triggers: [], file: try OutputFile(path: path, option: "-o"), path: path,
      options: FBTWriter.Options())
    let second = "\(path.dropLast(4)).2.fbt"
    defer { for path in [path, second] { try? FileManager.default.removeItem(atPath: path) } }
    let base = ClockPair.now().nanoseconds
    try output.begin(RecordedProcess(index: 0, processID: 1, command: "p", clock: .monotonic, begin: base))
    output.save()
    try output.mark(base)
    #expect(try output.review(at: ClockPair.now().nanoseconds) == nil)
    let start = fibril_record(
      time: base, fibril: 1, arg: 7, kind: UInt16(FIBRIL_RECORD_TASK_START.rawValue), number16: 0, arg32: 0)
    try unsafe output.take(records: [start].span.bytes, of: 1, from: 0, of: 0)
    let end = ClockPair.now().nanoseconds
    try output.mark(end)
    #expect(try output.review(at: end) == nil)
    try output.finish(at: end)
    for path in [path, second] {
      let run = try Run("fibril", ["export", path, "-o", "-", "--format", "csv"])
      #expect(run.output.contains(",task_start,"), "\(run.errors)")
    }
  }

  /// Whoever asked is told, and the recorder goes on.
  @Test func aCopyThatFindsNoPlaceEndsNothing() throws {
    let folder = FileManager.default.temporaryDirectory.appending(path: "fibril-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    let path = folder.appending(path: "late.fbt").path
    // Nobody can open a folder for writing.
    try FileManager.default.createDirectory(
      at: folder.appending(path: "late.2.fbt"), withIntermediateDirectories: true)
    var output = FlightOutput(
      capacity: try #require(KeepArgument(argument: "1MiB")).capacity, triggers: [],
      file: try OutputFile(path: path, option: "-o"), path: path, options: FBTWriter.Options())
    let now = ClockPair.now().nanoseconds
    try output.begin(RecordedProcess(index: 0, processID: 1, command: "p", clock: .monotonic, begin: now))
    output.save()
    output.save()
    try output.mark(.max)
    // The first goes to the file that was opened before, the second has no place.
    for _ in 0..<1000 { #expect(try output.review(at: now) == nil) }
    try output.finish(at: now)
    for path in [path, folder.appending(path: "late.3.fbt").path] {
      #expect(try Run("fibril", ["export", path, "-o", "-", "--format", "csv"]).status == 0)
    }
  }

  @Test(arguments: [(999, "999 ns"), (12_345, "12 us"), (12_345_678, "12 ms"), (73_000_000_000, "73 s")])
  func durationsForPeople(nanoseconds: UInt64, text: String) { #expect(rough(nanoseconds: nanoseconds) == text) }
}
