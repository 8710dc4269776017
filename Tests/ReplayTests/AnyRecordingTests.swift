// Whatever a file tells, a replay takes: calls in any order, times and numbers of any size.
import Exporters
import Foundation
import MadeRecordings
import Testing
import TraceEvents

@testable import Replay

@Suite struct AnyRecordingTests {
  @Test(arguments: 1...300) func nothingHurts(seed: UInt64) throws {
    var teller = AnyTeller(seed: seed)
    let (json, csv, file) = (MemoryFile(), MemoryFile(), MemoryFile())
    var chrome = Replay(into: ChromeExporter(start: nil, write: json.append))
    var rows = Replay(into: CSVExporter(write: csv.append))
    var writer = try FBTWriter(header: .sample, write: file.append)
    for _ in 0..<60 {
      let before = teller
      try teller.tell(&chrome)
      teller = before
      try teller.tell(&rows)
      teller = before
      try teller.tell(&writer)
    }
    try chrome.finish()
    try rows.finish()
    try writer.finish(at: 1)
    _ = try #require(try JSONSerialization.jsonObject(with: Data(json.bytes)) as? [[String: Any]])
    var last: UInt64 = 0
    for row in csv.text.split(separator: "\n").dropFirst() {
      let time = try #require(UInt64(row.prefix { $0 != "," }))
      try #require(time >= last)
      last = time
    }
    // What the writer was told, in whatever order, is a file that a reader takes.
    var replay = Replay(into: CSVExporter(write: { _ in }))
    #expect(try file.read(into: &replay).ending == .complete)
  }
}
