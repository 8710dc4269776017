// The events of many tasks come out in the order of time, wherever the marks lie.
import CFibrilContract
import Testing
import TraceEvents

@testable import Exporters
import MadeRecordings
@testable import Replay

@Suite struct OrderTests {
  /// Tasks whose records are told in a random interleaving, in lumps, with marks that are true, and with wakes that
  /// their task notes long after the waker acted. Says the number of events.
  private static func tell(
    _ sink: inout some RecordingSink, seed: UInt64, tasks: Int, events: Int, marks: Bool = true
  ) throws -> Int {
    var random = SplitMix(state: seed)
    try sink.begin(RecordedProcess(index: 0, processID: 1, command: "p", clock: .monotonic, begin: 0))
    try sink.begin(RecordedProcess(index: 1, processID: 2, command: "q", clock: .monotonic, begin: 0))
    var records = [TaskRecords](repeating: TaskRecords(), count: tasks)
    var told = [Int](repeating: 0, count: tasks)
    var now: UInt64 = 1000
    var made = 0
    func tell(_ task: Int, upTo end: Int) throws {
      let lump = Array(records[task].all[told[task]..<end])
      guard !lump.isEmpty else { return }
      let first = UInt64(told[task])
      told[task] = end
      try unsafe sink.take(records: lump.span.bytes, of: UInt64(task + 1), from: first, of: task % 2)
    }
    while made < events {
      now += random.below(3)
      let task = Int(random.below(UInt64(tasks)))
      if random.below(4) == 0 {
        // The waker acted up to 400 ns ago, which may be before the last mark.
        records[task].add(FIBRIL_RECORD_WAKE, time: now - random.below(400), fibril: 5, arg: 6, arg32: 1)
      } else {
        records[task].add(FIBRIL_RECORD_SWITCH, time: now, fibril: random.below(5), arg: 5, arg32: 1)
      }
      made += 1
      if random.below(20) == 0 {
        let one = Int(random.below(UInt64(tasks)))
        try tell(one, upTo: told[one] + Int(random.below(UInt64(records[one].all.count - told[one] + 1))))
      }
      if marks, random.below(100) == 0 {
        for task in 0..<tasks { try tell(task, upTo: records[task].all.count) }
        try sink.mark(now)
      }
    }
    for task in 0..<tasks { try tell(task, upTo: records[task].all.count) }
    return made
  }

  @Test(arguments: 1...20) func timesNeverDecrease(seed: UInt64) throws {
    let file = MemoryFile()
    var replay = Replay(into: CSVExporter(write: file.append))
    let count = try Self.tell(&replay, seed: seed, tasks: 1 + Int(seed) * 3, events: 3000, marks: seed % 5 != 0)
    try replay.finish()
    let rows = file.text.split(separator: "\n").dropFirst().map {
      $0.split(separator: ",", omittingEmptySubsequences: false)
    }
    #expect(rows.count == count)
    var last: UInt64 = 0
    var numbers: [String: UInt64] = [:]
    var late = 0
    for row in rows {
      try #require(row.count == 14)
      let time = try #require(UInt64(row[0]))
      try #require(time >= last, "row \(row)")
      last = time
      // Of each task the events keep their order, and none is missing.
      let number = try #require(UInt64(row[4]))
      try #require(number == numbers["\(row[1]) \(row[3])"] ?? 0)
      numbers["\(row[1]) \(row[3])"] = number + 1
      if let own = UInt64(row[12]) {
        try #require(row[5] == "wake" && own < time)
        late += 1
      }
    }
    #expect(late > 0)
  }

  /// What can be said already is said at each mark, so that nothing heaps up.
  @Test func aMarkReleasesWhatLiesBeforeIt() {
    var merger = EventMerger()
    var out: [UInt64] = []
    func event(_ time: UInt64, _ number: UInt64) -> Event {
      Event(time: time, task: 1, number: number, body: .teardown(fibril: 1, result: 0))
    }
    merger.add([event(10, 0), event(20, 1), event(30, 2)], of: 0)
    merger.add([event(15, 0), event(25, 1)], of: 1)
    merger.mark(20) { out.append($0.time) }
    #expect(out == [10, 15])
    merger.add([event(12, 2), event(22, 3)], of: 1)
    merger.mark(31) { out.append($0.time) }
    #expect(out == [10, 15, 20, 25, 25, 25, 30])
    merger.finish { out.append($0.time) }
    #expect(out.count == 7)
  }

  /// Tasks that have come and gone leave nothing behind.
  @Test func aMarkForgetsTheClocksOfTasks() {
    var merger = EventMerger()
    for task in 1...100 as ClosedRange<UInt64> {
      merger.add([Event(time: 10 * task, task: task, number: 0, body: .taskStop(root: 1))], of: 0)
      merger.mark(10 * task - 5) { _ in }
      #expect(merger.clockCount == 1)
    }
  }

  @Test func everyEventIsARow() throws {
    let file = MemoryFile()
    var replay = Replay(into: CSVExporter(write: file.append))
    try replay.begin(RecordedProcess(index: 0, processID: 4711, command: "p", clock: .monotonic, begin: 0))
    try replay.take(["", "a \"worker\", or\nnot"], from: 0, of: 0)
    var records = TaskRecords(from: 5)
    records.add(FIBRIL_RECORD_TASK_START, time: 1, fibril: 1, arg: 99)
    records.add(FIBRIL_RECORD_SUBMIT, time: 2, fibril: 2, arg: 1, arg32: FIBRIL_NO_CALL)
    records.add(FIBRIL_RECORD_SUBMIT_ENTRY, time: 2, fibril: 2, arg: 4096, arg32: 1)
    records.add(FIBRIL_RECORD_SUBMIT, time: 3, fibril: 3, arg: 1, arg32: 0)
    records.add(FIBRIL_RECORD_BLOCK, time: 4, fibril: 1, arg: 500, arg32: FIBRIL_REASON_SLEEP.rawValue)
    records.add(FIBRIL_RECORD_BLOCK_DEADLINE, time: 4, fibril: 1, arg: 504)
    records.add(FIBRIL_RECORD_STACK, time: 4, fibril: 1, arg32: 3)
    records.add(FIBRIL_RECORD_SWITCH, time: 5, fibril: 2, arg: 1, arg32: FIBRIL_STATE_BLOCKED.rawValue)
    records.add(FIBRIL_RECORD_WAKE, time: 3, fibril: 1, arg: 7, arg32: 2)
    records.add(FIBRIL_RECORD_TEARDOWN, time: 6, fibril: 3, arg: UInt64(bitPattern: -11))
    records.add(FIBRIL_RECORD_TASK_STOP, time: 7, fibril: 1)
    try replay.take(
      [RecordedModule(addresses: 0x1000..<0x9000, fileOffset: 0x5000, path: "/bin/program", buildID: [])], of: 0)
    try replay.take(stack: [0x1234, 0x9000], id: 3, of: 0)
    try replay.begin(task: 1, at: 2, of: 0)
    try records.tell(&replay, task: 1, process: 0)
    try replay.finish()
    #expect(
      file.text == """
        time_ns,process,pid,task,number,event,fibril,other_fibril,other_task,detail,value,deadline_ns,own_time_ns,stack
        0,0,4711,1,2,lost,,,,,3,,,
        1,0,4711,1,5,task_start,1,,,,99,,,
        2,0,4711,1,6,submit_closure,2,1,,"a ""worker"", or\u{FFFD}not",4096,,,
        3,0,4711,1,8,submit_call,3,1,,read,,,,
        4,0,4711,1,9,block,1,,,sleep,500,504,,0x1234 [program+0x5234];0x9000 [program+0xd000]
        5,0,4711,1,12,switch,2,1,,blocked,,,,
        5,0,4711,1,13,wake,1,7,2,,,,3,
        6,0,4711,1,14,teardown,3,,,-EAGAIN,-11,,,
        7,0,4711,1,15,task_stop,1,,,,,,,

        """)
  }
}
