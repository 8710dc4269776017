import CFibrilContract
import Testing

@testable import TraceEvents

/// Joins, numbers, gaps and duplicates.
@Suite struct RecordDecoderTests {
  @Test func everyKindBecomesItsEvent() {
    var records = Records()
    records.add(FIBRIL_RECORD_TASK_START, time: 1, fibril: 7, arg: 4711)
    records.add(FIBRIL_RECORD_SUBMIT, time: 2, fibril: 8, arg: 7, arg32: 257)
    records.add(FIBRIL_RECORD_SWITCH, time: 3, fibril: 8, arg: 7, arg32: 3)
    records.add(FIBRIL_RECORD_BLOCK, time: 4, fibril: 8, arg: 0, arg32: 1)
    records.add(FIBRIL_RECORD_WAKE, time: 5, fibril: 8, arg: 9, arg32: 2)
    records.add(FIBRIL_RECORD_TEARDOWN, time: 6, fibril: 8, arg: UInt64(bitPattern: -2))
    records.add(FIBRIL_RECORD_TASK_STOP, time: 7, fibril: 7)
    var decoding = Decoding()
    decoding.decode(records, first: 0)
    #expect(
      decoding.bodies == [
        .taskStart(root: 7, threadID: 4711), .submitCall(fibril: 8, parent: 7, call: 257),
        .switch(from: 7, to: 8, previousState: .blocked),
        .block(fibril: 8, reason: .call, object: 0, deadline: 0), .wake(fibril: 8, byTask: 2, byFibril: 9),
        .teardown(fibril: 8, result: -2), .taskStop(root: 7),
      ])
    #expect(decoding.events.map(\.time) == Array(1...7))
    #expect(decoding.numbers == Array(0...6))
    #expect(decoding.decoder.lostRecords == 0)
  }

  @Test func secondRecordsJoinTheirFirst() {
    var records = Records()
    records.add(FIBRIL_RECORD_SUBMIT, fibril: 8, arg: 7, arg32: FIBRIL_NO_CALL)
    records.add(FIBRIL_RECORD_SUBMIT_ENTRY, fibril: 8, arg: 0x4000, arg32: 3)
    records.add(FIBRIL_RECORD_BLOCK, fibril: 8, arg: 5, arg32: 5)
    records.add(FIBRIL_RECORD_BLOCK_DEADLINE, fibril: 8, arg: 99)
    records.add(FIBRIL_RECORD_BLOCK, fibril: 9, arg: 5, arg32: 5)
    records.add(FIBRIL_RECORD_PAD)
    records.add(FIBRIL_RECORD_TEARDOWN, fibril: 8)
    var decoding = Decoding()
    decoding.decode(records, first: 0)
    #expect(
      decoding.bodies == [
        .submitClosure(fibril: 8, parent: 7, entry: 0x4000, name: 3),
        .block(fibril: 8, reason: .sleep, object: 5, deadline: 99),
        .block(fibril: 9, reason: .sleep, object: 5, deadline: 0),
        .teardown(fibril: 8, result: 0),
      ])
    #expect(decoding.numbers == [0, 2, 4, 6])
    #expect(decoding.decoder.receivedRecords == 7)
  }

  /// Reading a buffer from outside may end between two records that belong together.
  @Test func aFirstRecordWaitsForItsSecond() {
    var records = Records()
    records.add(FIBRIL_RECORD_SUBMIT, fibril: 8, arg: 7, arg32: FIBRIL_NO_CALL)
    var decoding = Decoding()
    decoding.decode(records, first: 0)
    #expect(decoding.events.isEmpty)
    records.add(FIBRIL_RECORD_SUBMIT_ENTRY, fibril: 8, arg: 0x4000)
    decoding.decode(records, first: 0)
    #expect(decoding.bodies == [.submitClosure(fibril: 8, parent: 7, entry: 0x4000, name: 0)])
    // A block may have more than one that follow it, or none.
    records.add(FIBRIL_RECORD_BLOCK, fibril: 8, arg: 5, arg32: FIBRIL_REASON_SLEEP.rawValue)
    decoding.decode(records, first: 0)
    records.add(FIBRIL_RECORD_BLOCK_DEADLINE, fibril: 8, arg: 99)
    decoding.decode(records, first: 0)
    #expect(decoding.bodies.count == 1)
    decoding.decoder.finish(into: &decoding.events)
    #expect(decoding.bodies.last == .block(fibril: 8, reason: .sleep, object: 5, deadline: 99))
  }

  @Test func aSecondRecordWithoutItsFirstSaysNothing() {
    var records = Records(from: 5)
    records.add(FIBRIL_RECORD_SUBMIT_ENTRY, fibril: 8, arg: 0x4000)
    records.add(FIBRIL_RECORD_TEARDOWN, fibril: 8)
    var decoding = Decoding()
    decoding.decode(records, first: 5)
    #expect(decoding.bodies == [.lost(records: 5), .teardown(fibril: 8, result: 0)])
  }

  @Test func duplicatesAreDropped() {
    var records = Records()
    records.addTeardowns(10)
    var decoding = Decoding()
    decoding.decode(records, first: 0)
    decoding.decode(records, first: 0, dropping: 3)
    records.addTeardowns(2)
    decoding.decode(records, first: 0, dropping: 8)
    #expect(decoding.numbers == Array(0..<12))
    #expect(decoding.decoder.receivedRecords == 12)
    #expect(decoding.decoder.lostRecords == 0)
  }

  @Test func gapsAreCountedByTask() {
    var records = Records()
    records.addTeardowns(20)
    var decoding = Decoding()
    decoding.decode(records, task: 1, first: 0)
    decoding.decode(records, task: 2, first: 0, dropping: 15)
    decoding.decoder.end(task: 1, at: 23, into: &decoding.events)
    decoding.decoder.end(task: 2, at: 20, into: &decoding.events)
    let losses = decoding.events.filter { if case .lost = $0.body { true } else { false } }
    #expect(
      losses == [
        Event(time: 0, task: 2, number: 0, body: .lost(records: 15)),
        Event(time: 19, task: 1, number: 20, body: .lost(records: 3)),
      ])
    #expect(decoding.decoder.lostRecords == 18)
    #expect(decoding.decoder.receivedRecords == 25)
  }

  /// The check is 16 bits wide, and numbers go far beyond.
  @Test func numbersBeyondTheirCheckAreKept() {
    var records = Records(from: (1 << 32) - 3)
    records.addTeardowns(6)
    var decoding = Decoding()
    decoding.decoder.begin(task: 1, at: (1 << 32) - 3)
    decoding.decode(records, first: (1 << 32) - 3)
    #expect(decoding.numbers == Array(((1 << 32) - 3)...((1 << 32) + 2)))
  }

  @Test func recordsFromBeforeTheTraceAreDropped() {
    var records = Records()
    records.addTeardowns(8)
    var decoding = Decoding()
    decoding.decoder.begin(task: 1, at: 6)
    decoding.decode(records, first: 0)
    #expect(decoding.numbers == [6, 7])
    #expect(decoding.decoder.lostRecords == 0)
  }

  @Test func aRecordWithAnotherNumberIsLost() {
    var records = Records()
    records.addTeardowns(3)
    var wrong = Records(from: 77)
    wrong.addTeardowns(1)
    let size = RecordDecoder.recordBytes
    var bytes = records.bytes
    bytes.replaceSubrange(size..<2 * size, with: wrong.bytes)
    var decoding = Decoding()
    unsafe decoding.decoder.decode(
      bytes.span.bytes, task: 1, first: 0, clock: &decoding.clock, into: &decoding.events)
    #expect(
      decoding.bodies == [.teardown(fibril: 0, result: 0), .lost(records: 1), .teardown(fibril: 2, result: 0)])
  }

  /// Whatever a process writes, the decoder neither traps nor grows without end.
  @Test func anyBytesCanBeDecoded() {
    var generator = Random(state: 20)
    var decoding = Decoding()
    decoding.clock = TickClock(source: .timeStampCounter)
    decoding.clock.add(ClockPair(ticks: 1000, nanoseconds: 1000))
    decoding.clock.add(ClockPair(ticks: 2000, nanoseconds: 3000))
    for _ in 0..<5000 {
      var bytes = (0..<(Int.random(in: 0...200, using: &generator))).map { _ in
        UInt8.random(in: 0...255, using: &generator)
      }
      let first = generator.next() >> UInt64.random(in: 0...63, using: &generator)
      for at in stride(from: 0, through: bytes.count - 32, by: 32) where Bool.random(using: &generator) {
        // Some records pass the check, and are of a known kind.
        let number = first &+ UInt64(at / 32)
        bytes[at + 24] = UInt8.random(in: 0...12, using: &generator)
        bytes[at + 25] = 0
        bytes[at + 26] = UInt8(truncatingIfNeeded: number)
        bytes[at + 27] = UInt8(truncatingIfNeeded: number >> 8)
      }
      let task = generator.next() % 4
      unsafe decoding.decoder.decode(
        bytes.span.bytes, task: task, first: first, clock: &decoding.clock, into: &decoding.events)
      decoding.decoder.end(task: task, at: generator.next() >> 60, into: &decoding.events)
    }
    decoding.decoder.finish(into: &decoding.events)
    #expect(decoding.decoder.receivedRecords > 0)
    #expect(UInt64(decoding.events.count) <= 2 * decoding.decoder.receivedRecords + 5000)
  }

  /// A process may have any number of tasks, one after the other.
  @Test func endedTasksMakeRoomForOthers() {
    var records = Records()
    records.addTeardowns(1)
    var decoding = Decoding()
    let count = UInt64(RecordDecoder.mostTasks + 10)
    for task in 0..<count {
      decoding.decode(records, task: task, first: 0)
      decoding.decoder.end(task: task, at: task % 1000 == 0 ? 3 : 1, into: &decoding.events)
    }
    #expect(decoding.decoder.receivedRecords == count)
    #expect(decoding.decoder.seenTasks == Int(count))
    let losers = (count + 999) / 1000
    #expect(decoding.decoder.lostRecords == 2 * losers)
    #expect(decoding.decoder.lostByTask.count == Int(losers) && decoding.decoder.lostByTask[1000] == 2)
  }

  @Test func inventedTasksAreLimited() {
    var records = Records()
    records.addTeardowns(1)
    var decoding = Decoding()
    for task in 0..<UInt64(RecordDecoder.mostTasks + 10) { decoding.decode(records, task: task, first: 0) }
    #expect(decoding.events.count == RecordDecoder.mostTasks)
  }
}

/// The same numbers in every run.
struct Random: RandomNumberGenerator {
  var state: UInt64

  mutating func next() -> UInt64 {
    state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
    return (state >> 33) ^ (state << 31)
  }
}
