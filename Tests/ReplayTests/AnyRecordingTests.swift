// Whatever a file tells, a replay takes: calls in any order, times and numbers of any size.
import CFibrilContract
import Exporters
import Foundation
import Testing
import TraceEvents

@testable import Replay

@Suite struct AnyRecordingTests {
  private struct Teller {
    var random: SplitMix
    var processes = 0

    mutating func value() -> UInt64 {
      switch random.below(6) {
      case 0: .max - random.below(3)
      case 1: random.below(.max) >> random.below(64)
      default: random.below(30)
      }
    }

    mutating func records() -> TaskRecords {
      var records = TaskRecords(from: value())
      for _ in 0..<random.below(20) {
        let kind = fibril_record_kind(UInt32(random.below(13)))
        if records.next > .max - 3 { break }
        records.add(
          kind, time: value(), fibril: value(), arg: value(), arg32: UInt32(truncatingIfNeeded: value()))
      }
      return records
    }

    mutating func snapshot() -> ProcessSnapshot {
      var snapshot = ProcessSnapshot(processID: 1, command: "", ident: 0, time: value(), runtime: "")
      for _ in 0..<random.below(4) {
        snapshot.tasks.append(
          TaskSnapshot(
            task: value(), threadID: UInt32(truncatingIfNeeded: value()), running: value(), root: value(), runnable: 0,
            nextNumber: value(), counts: EventCounts()))
      }
      for _ in 0..<random.below(9) {
        var fibril = FibrilSnapshot(
          fibril: value(), task: value(), state: FibrilState(rawValue: UInt8(random.below(6))))
        fibril.since = value()
        fibril.nextNumber = value()
        fibril.parent = value()
        fibril.isRoot = random.below(4) == 0
        fibril.isCall = random.below(3) == 0
        fibril.changedWhileRead = random.below(4) == 0
        snapshot.fibrils.append(fibril)
      }
      return snapshot
    }

    mutating func tell(_ sink: inout some RecordingSink) throws {
      // Mostly one of the last two, now and then one that is not there.
      let process = max(0, processes - Int(random.below(3)))
      switch random.below(16) {
      case 0: try sink.add(ClockPair(ticks: value(), nanoseconds: value()))
      case 1: try sink.mark(value())
      case 2: try sink.take(["a", "b"], from: Int(random.below(4)), of: process)
      case 3: try sink.take(snapshot(), of: process)
      case 4: try sink.begin(task: value(), at: value(), of: process)
      case 5: try sink.end(task: value(), at: value(), of: process)
      case 6 where random.below(4) == 0: try sink.end(process, .executed, at: value())
      case 7 where processes == 0 || random.below(3) == 0:
        let clock: TickClock.Source = random.below(2) == 0 ? .monotonic : .timeStampCounter
        try sink.begin(
          RecordedProcess(
            index: processes, processID: Int32(truncatingIfNeeded: value()), command: "p", clock: clock, begin: value())
        )
        processes += 1 + Int(random.below(2))
      default: try records().tell(&sink, task: value(), process: process)
      }
    }
  }

  @Test(arguments: 1...300) func nothingHurts(seed: UInt64) throws {
    var teller = Teller(random: SplitMix(state: seed))
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
