// Chrome trace JSON: whole files against golden ones, and that no input can make an invalid file.

import Foundation
import GoldenFiles
import Testing
import TraceEvents

@testable import Exporters
@testable import Timeline

@Suite struct ChromeExporterTests {
  @Test func twoTasks() throws {
    #expect(try GoldenFile("two-tasks.json", in: .module).difference(to: Story.twoTasks().chromeJSON(until: 40)) == nil)
  }

  @Test func attachedWithLoss() throws {
    let (story, snapshot) = Story.attachedWithLoss()
    let text = try story.chromeJSON(snapshot: snapshot, until: 40)
    #expect(try GoldenFile("attached-with-loss.json", in: .module).difference(to: text) == nil)
  }

  @Test func slicesNest() throws {
    let (story, snapshot) = Story.attachedWithLoss()
    for text in [try Story.twoTasks().chromeJSON(until: 40), try story.chromeJSON(snapshot: snapshot, until: 40)] {
      let slices = try events(text).filter { $0["ph"] as? String == "X" }
      #expect(!slices.isEmpty)
      for track in Dictionary(grouping: slices, by: { "\($0["pid"]!) \($0["tid"]!)" }).values {
        let ranges = track.map { slice in
          let begin = nanoseconds(slice["ts"])
          return begin...(begin + nanoseconds(slice["dur"]))
        }
        for (index, one) in ranges.enumerated() {
          for other in ranges[..<index] {
            let isApart = one.lowerBound >= other.upperBound || other.lowerBound >= one.upperBound
            #expect(isApart || one.contains(other) || other.contains(one), "\(one) \(other)")
          }
        }
      }
    }
  }

  @Test func aFileCutAfterAnyLineIsValidButForItsEnd() throws {
    let lines = try Story.twoTasks().chromeJSON(until: 40).split(separator: "\n")
    for count in 2..<(lines.count - 1) {
      var text = lines[..<count].joined(separator: "\n")
      if text.last == "," { text.removeLast() }
      #expect(try events(text + "]").count == count - 1)
    }
  }

  @Test func piecesEndWithWholeLines() throws {
    var pieces: [[UInt8]] = []
    var exporter = ChromeExporter(processID: 1, command: "a", start: 0, names: { _ in "name" }) { pieces.append($0) }
    let label = FibrilLabel(fibril: 7, kind: .closure, name: 1)
    for time in UInt64(0)..<10_000 {
      exporter.consume(
        StateSlice(
          label: label, task: 1, state: .running, reason: .none, object: 0, begin: time, end: time + 1, since: time,
          isOpenEnded: false))
    }
    try exporter.finalise()
    #expect(pieces.count > 3)
    for piece in pieces.dropLast() {
      #expect(piece.count >= ChromeExporter.pieceSize && piece.last == UInt8(ascii: "}"))
    }
    #expect(try events(String(decoding: pieces.joined(), as: UTF8.self)).count == 10_004)
  }

  @Test func afterAFailedWriteNothingIsWritten() throws {
    struct DiskFull: Error {}
    var writes = 0
    var exporter = ChromeExporter(processID: 1, command: "a", start: 0, names: { _ in nil }) { _ in
      writes += 1
      throw DiskFull()
    }
    exporter.flush()
    #expect(exporter.failure is DiskFull)
    exporter.announce(TaskAnnouncement(task: 1, threadID: 2, time: 0))
    exporter.flush()
    #expect(throws: DiskFull.self) { try exporter.finalise() }
    #expect(writes == 1)
  }

  @Test(arguments: [
    ("quote\" back\\slash", "quote\" back\\slash"),
    ("line\nbreak\u{0}\u{1B}[31m\u{7F}", "line\nbreak\u{0}\u{1B}[31m\u{7F}"),
    ("abc\u{202E}txt.exe\u{2066}\u{200F}", "abc\u{FFFD}txt.exe\u{FFFD}\u{FFFD}"),
    ("\u{9B}31m\u{2028}", "\u{FFFD}31m\u{FFFD}"),
    ("größe 👩‍🚀 名前", "größe 👩‍🚀 名前"),
    ("</script>\"}],[", "</script>\"}],["),
    (String(repeating: "é", count: 5000), String(repeating: "é", count: 64) + "…"),
    ("", "fibril"),
  ])
  func hostileNames(name: String, shown: String) throws {
    let text = try Story.twoTasks().chromeJSON(command: name, names: [1: name, 2: name], until: 40)
    #expect(!text.utf8.contains { $0 < 0x20 && $0 != UInt8(ascii: "\n") })
    let titles = try events(text).compactMap { event in (event["args"] as? [String: Any])?["name"] as? String }
    #expect(titles.contains("\(shown) #10"))
    if !name.isEmpty { #expect(titles.contains("\(shown) 4711") && titles.contains("fibrils of \(shown) 4711")) }
  }

  @Test func numbersAtTheirLimits() throws {
    var story = Story()
    let most = UInt64.max
    story.task(
      most, from: most,
      (1, [.switch(from: most, to: most - 1, previousState: FibrilState(rawValue: 255))]))
    story.task(
      1,
      (1, [.taskStart(root: most, threadID: .max)]),
      (2, [.submitCall(fibril: 3, parent: most, call: .max), .teardown(fibril: 3, result: .min)]),
      (3, [.block(fibril: most, reason: BlockReason(rawValue: .max), object: most, deadline: most)]))
    let all = try events(story.chromeJSON(until: 1e12))
    #expect(all.contains { ($0["name"] as? String) == "system call \(UInt32.max)" })
    #expect(all.allSatisfy { ($0["tid"] as? UInt64 ?? 0) <= UInt32.max }, "Perfetto takes no more")
  }

  // MARK: Reading back

  private func events(_ text: String) throws -> [[String: Any]] {
    try #require(try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [[String: Any]])
  }

  private func nanoseconds(_ value: Any?) -> Int {
    Int((((value as? Double) ?? -1) * 1000).rounded())
  }
}
