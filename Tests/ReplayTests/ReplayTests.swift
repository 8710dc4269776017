// A recording shown at once and one shown out of its file are the same, and processes do not get mixed up.
import MadeRecordings
import CFibrilContract
import Exporters
import Foundation
import Testing
import Timeline
import TraceEvents

@testable import Replay

@Suite struct ReplayTests {
  /// Two processes with equal task, thread and fibril ids, then the first one's process executes another program.
  static func tellThreeProcesses(_ sink: inout some RecordingSink) throws {
    try sink.add(ClockPair(ticks: 0, nanoseconds: 1000))
    try sink.add(ClockPair(ticks: 10_000, nanoseconds: 11_000))
    for (index, id) in [(0, Int32(100)), (1, 200)] {
      try sink.begin(RecordedProcess(index: index, processID: id, command: "p\(index)", begin: 1000))
      try sink.take(["", "worker of p\(index)"], from: 0, of: index)
    }
    for index in [0, 1] {
      try TaskRecords.yielding(100, root: 1, thread: 7, from: 50).tell(&sink, task: 1, process: index)
    }
    try sink.end(task: 1, at: 110, of: 0)
    try sink.end(0, .executed, at: 5000)
    try sink.begin(
      RecordedProcess(index: 2, processID: 100, command: "new", origin: .executed, begin: 5000))
    try TaskRecords.yielding(10, root: 1, thread: 7, from: 6000).tell(&sink, task: 1, process: 2)
    try sink.mark(8000)
    try sink.end(1, .exited(status: 0), at: 9000)
  }

  @Test func aReplayOutOfAFileIsLikeALiveOne() throws {
    let live = MemoryFile()
    var direct = Replay(into: ChromeExporter(start: nil, write: live.append))
    try Self.tellThreeProcesses(&direct)
    try direct.finish()

    let file = MemoryFile()
    var writer = try FBTWriter(header: .sample, write: file.append)
    try Self.tellThreeProcesses(&writer)
    try writer.finish(at: 10_000)
    let later = MemoryFile()
    var replay = Replay(into: ChromeExporter(start: nil, write: later.append))
    #expect(try file.read(into: &replay).ending == .complete)
    try replay.finish()
    #expect(replay.results == direct.results)
    #expect(replay.statistics == direct.statistics)
    #expect(live.bytes.count > 10_000 && later.text == live.text)
  }

  @Test func processesStayApart() throws {
    let file = MemoryFile()
    var replay = Replay(into: ChromeExporter(start: nil, write: file.append))
    try Self.tellThreeProcesses(&replay)
    try replay.finish()
    let events = try #require(try JSONSerialization.jsonObject(with: Data(file.bytes)) as? [[String: Any]])
    func titles(_ key: String) -> [Int: [String]] {
      Dictionary(grouping: events.filter { $0["name"] as? String == key }, by: { $0["pid"] as? Int ?? -1 })
        .mapValues { $0.compactMap { ($0["args"] as? [String: Any])?["name"] as? String } }
    }
    // Every Perfetto process has one name, and there are two for each of the three images.
    let processes = titles("process_name")
    #expect(
      processes.values.map { $0.joined() }.sorted() == [
        "fibrils of new 100", "fibrils of p0 100", "fibrils of p1 200", "new 100", "p0 100", "p1 200",
      ])
    #expect(processes[100] == ["p0 100"] && processes[200] == ["p1 200"])
    // Fibrils of all three have the same ids and their own process's names.
    let named = titles("thread_name")
    for (process, title) in processes where title[0].hasPrefix("fibrils") {
      let name = title[0].contains("p0") ? "worker of p0" : title[0].contains("p1") ? "worker of p1" : "fibril"
      #expect(named[process] == ["root #1", "\(name) #2", "\(name) #3"])
    }
    let slices = Dictionary(grouping: events.filter { $0["ph"] as? String == "X" }, by: { $0["pid"] as? Int ?? -1 })
    #expect(Set(slices.keys) == Set(processes.keys))
  }

  @Test func statisticsAreExactByProcessAndInAll() throws {
    let file = MemoryFile()
    var replay = Replay(into: ChromeExporter(start: nil, write: file.append))
    try Self.tellThreeProcesses(&replay)
    try replay.finish()
    let results = replay.results
    #expect(results.map(\.process.processID) == [100, 200, 100])
    #expect(results.map(\.statistics.events) == [108, 108, 18])
    #expect(results.map(\.statistics.fibrils) == [2, 2, 2])
    #expect(results.map(\.ending) == [.executed, .exited(status: 0), .traceEnded])
    #expect(results.map(\.end) == [5000, 9000, 9000])
    #expect(replay.statistics.events == 234)
    #expect(replay.statistics.tasks == 3)
    #expect(replay.statistics.counts.switches == 101 + 101 + 11 + 3)
  }

  /// Lost batches, a lost tail, records that came before, and others that do not carry their number.
  static func tellWithLoss(_ sink: inout some RecordingSink) throws {
    try sink.begin(RecordedProcess(index: 0, processID: 100, command: "p", clock: .monotonic, begin: 1000))
    try sink.begin(task: 1, at: 0, of: 0)
    let one = TaskRecords.yielding(1000, root: 1, thread: 7, from: 2000)
    try one.tell(&sink, task: 1, process: 0, isLost: { $0 == 3 || $0 == 4 || $0 == 9 })
    try one.tell(&sink, task: 1, process: 0)
    try sink.end(task: 1, at: one.next + 5, of: 0)
    var two = TaskRecords.yielding(1000, root: 11, thread: 8, from: 2000)
    for index in [70, 71, 500] { two.all[index].number16 ^= 1 }
    try two.tell(&sink, task: 2, process: 0)
    try sink.end(task: 2, at: two.next, of: 0)
    try sink.mark(20_000)
  }

  @Test func writerAndReplayCountTheSame() throws {
    let file = MemoryFile()
    var writer = try FBTWriter(header: .sample, write: file.append)
    try Self.tellWithLoss(&writer)
    #expect(writer.lostByTask == [0: [1: 3 * 64 + 5, 2: 3]])
    let open = try #require(writer.totals(of: 0))
    #expect(open == writer.totals)
    try writer.finish(at: 30_000)

    let json = MemoryFile()
    var replay = Replay(into: ChromeExporter(start: nil, write: json.append))
    let (reader, ending) = try file.read(into: &replay)
    try replay.finish()
    #expect(ending == .complete)
    #expect(reader.totals == writer.totals)
    let result = replay.results[0]
    #expect(result.lostByTask == [1: 3 * 64 + 5, 2: 3])
    #expect(result.received == writer.totals.received && result.lost == writer.totals.lost)
    #expect(writer.totals.received + writer.totals.lost == 2 * 1010 + 5)
    #expect(result.statistics.events == writer.totals.events)
    #expect(result.statistics.counts == writer.totals.counts)
    #expect(result.statistics.lost == writer.totals.lost)
    #expect(result.statistics.tasks == writer.totals.tasks)
    #expect(result.statistics.fibrils == writer.totals.fibrils)
    #expect(json.text.components(separatedBy: "LOST RECORDS").count == 1 + 3 + 2)
  }

  /// More tasks than a process may have at a time, one after the other.
  @Test func aProcessMayHaveAnyNumberOfTasks() throws {
    let count: UInt64 = 66_000
    let file = MemoryFile()
    var writer = try FBTWriter(header: .sample, write: file.append)
    try writer.begin(RecordedProcess(index: 0, processID: 100, command: "p", clock: .monotonic, begin: 0))
    for task in 1...count {
      var records = TaskRecords()
      records.add(FIBRIL_RECORD_TASK_START, time: task, fibril: task, arg: task)
      records.add(FIBRIL_RECORD_TASK_STOP, time: task, fibril: task)
      try records.tell(&writer, task: task, process: 0)
      try writer.end(task: task, at: task == 7 ? 5 : 2, of: 0)
    }
    try writer.finish(at: count)
    #expect(writer.totals.tasks == count && writer.totals.received == 2 * count && writer.totals.lost == 3)
    #expect(writer.lostByTask == [0: [7: 3]])
    var replay = Replay(into: CSVExporter(write: { _ in }))
    #expect(try file.read(into: &replay).ending == .complete)
    #expect(replay.statistics.events == 2 * count && replay.statistics.lost == 3)
    #expect(replay.results[0].lostByTask == [7: 3])
  }

  /// A fibril that the snapshot shows, and whose submit comes too, is one.
  @Test func snapshotAndSubmitsAreCountedOnce() throws {
    func tell(_ sink: inout some RecordingSink) throws {
      try sink.begin(RecordedProcess(index: 0, processID: 100, command: "p", clock: .monotonic, begin: 1000))
      try sink.begin(task: 1, at: 0, of: 0)
      let records = TaskRecords.yielding(5, root: 1, thread: 7, from: 2000)
      var snapshot = ProcessSnapshot(processID: 100, command: "p", ident: 1, time: 2000, runtime: "r")
      snapshot.names = ["", "first"]
      snapshot.tasks = [
        TaskSnapshot(
          task: 1, threadID: 7, running: 1, root: 1, runnable: 1, nextNumber: 3, counts: EventCounts())
      ]
      for fibril in [1, 2, 99] as [UInt64] {
        var one = FibrilSnapshot(fibril: fibril, task: 1, state: fibril == 1 ? .running : .runnable)
        one.isRoot = fibril == 1
        one.nextNumber = fibril == 2 ? 3 : 0
        snapshot.fibrils.append(one)
      }
      try sink.take(snapshot, of: 0)
      try records.tell(&sink, task: 1, process: 0)
    }
    let file = MemoryFile()
    var writer = try FBTWriter(header: .sample, write: file.append)
    try tell(&writer)
    try writer.finish(at: 30_000)
    #expect(writer.totals.fibrils == 3)
    let json = MemoryFile()
    var replay = Replay(into: ChromeExporter(start: nil, write: json.append))
    _ = try file.read(into: &replay)
    try replay.finish()
    #expect(replay.statistics.fibrils == 3)
    #expect(json.text.contains("first #3"))
  }

  /// What shows only after its submit was lost may be a root: neither counts it.
  @Test func lostSubmitsAreNotCounted() throws {
    let file = MemoryFile()
    var writer = try FBTWriter(header: .sample, write: file.append)
    try writer.begin(RecordedProcess(index: 0, processID: 100, command: "p", clock: .monotonic, begin: 1000))
    // Without the first records: the task's start, and both submits.
    let records = TaskRecords.yielding(5, root: 1, thread: 7, from: 2000)
    try records.tell(&writer, task: 1, process: 0, size: 6, isLost: { $0 == 0 })
    try writer.finish(at: 30_000)
    var replay = Replay(into: ChromeExporter(start: nil, write: { _ in }))
    #expect(try file.read(into: &replay).ending == .complete)
    #expect(replay.statistics.lost == 6 && writer.totals.lost == 6)
    #expect(replay.statistics.fibrils == 0 && writer.totals.fibrils == 0)
    #expect(replay.statistics.tasks == 1 && writer.totals.tasks == 1)
  }

  /// The timeline would not take it.
  @Test func aSnapshotAfterRecordsIsDropped() throws {
    func tell(_ sink: inout some RecordingSink) throws {
      try sink.begin(RecordedProcess(index: 0, processID: 100, command: "p", clock: .monotonic, begin: 1000))
      try TaskRecords.yielding(5, root: 1, thread: 7, from: 2000).tell(&sink, task: 1, process: 0)
      try sink.take(ProcessSnapshot(processID: 100, command: "p", ident: 1, time: 2000, runtime: "r"), of: 0)
    }
    let file = MemoryFile()
    var writer = try FBTWriter(header: .sample, write: file.append)
    try tell(&writer)
    try writer.finish(at: 3000)
    var replay = Replay(into: ChromeExporter(start: nil, write: { _ in }))
    #expect(try file.read(into: &replay).ending == .complete)
    try tell(&replay)
    #expect(replay.statistics.events == 13)
  }
}
