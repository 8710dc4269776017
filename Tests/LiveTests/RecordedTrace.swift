// A sink that keeps what it is told, decoded, and sees to it that the order is as promised.
import Foundation
import Testing
import TraceEvents

@testable import BPFLoader

/// A recording in memory.
struct RecordedTrace: RecordingSink {
  struct Image {
    var process: RecordedProcess
    var modules: [RecordedModule] = []
    var snapshot: ProcessSnapshot?
    var names: [String] = []
    var decoder = RecordDecoder()
    var clock: TickClock
    var events: [Event] = []
    var ending: ProcessEnding?
    /// Where each task began, and one past what it is said to have written.
    var begins: [UInt64: UInt64] = [:]
    var ends: [UInt64: UInt64] = [:]

    var received: UInt64 { decoder.receivedRecords }
    var lost: UInt64 { decoder.lostRecords }
    private(set) var receivedByTask: [UInt64: UInt64] = [:]
    /// Of the tasks' records, all that were made while they were traced.
    var made: UInt64 { ends.reduce(0) { $0 + $1.value - begins[$1.key]! } }

    mutating func decode(_ records: RawSpan, _ task: UInt64, _ first: UInt64, _ events: inout [Event]) {
      decoder.decode(records, task: task, first: first, clock: &clock, into: &events)
      receivedByTask[task, default: 0] += UInt64(records.byteCount / RecordDecoder.recordBytes)
    }
    func lost(ofTask task: UInt64) -> UInt64? {
      guard let begin = begins[task], let end = ends[task] else { return nil }
      return end - begin - receivedByTask[task, default: 0]
    }
    mutating func end(_ task: UInt64, _ number: UInt64) { decoder.end(task: task, at: number, into: &events) }
    mutating func finish() { decoder.finish(into: &events) }

    func count(where isMeant: (Event.Body) -> Bool) -> Int { events.count { isMeant($0.body) } }
    var submits: Int { count { if case .submitClosure = $0 { true } else { false } } }
    var teardowns: Int { count { if case .teardown = $0 { true } else { false } } }
  }

  var images: [Image] = []
  var marks: [UInt64] = []
  private var clock = TickClock(source: .timeStampCounter)
  /// A process may end before anybody could read its names.
  var mayLackNames = false
  private let keepsEvents: Bool

  init(keepsEvents: Bool = true) { self.keepsEvents = keepsEvents }

  mutating func add(_ pair: ClockPair) {
    clock.add(pair)
    for index in images.indices { images[index].clock.add(pair) }
  }

  mutating func begin(_ process: RecordedProcess) {
    #expect(process.index == images.count && !process.command.isEmpty, "\(process)")
    var clock = clock
    clock.source = process.clock
    images.append(Image(process: process, clock: clock))
  }

  mutating func take(_ modules: [RecordedModule], of process: Int) { images[process].modules = modules }

  mutating func take(_ snapshot: ProcessSnapshot, of process: Int) {
    #expect(images[process].events.isEmpty && images[process].snapshot == nil)
    images[process].snapshot = snapshot
  }

  mutating func take(_ names: [String], from index: Int, of process: Int) {
    #expect(index == images[process].names.count)
    images[process].names += names
  }

  mutating func take(stack: [UInt64], id: UInt32, of process: Int) {}

  mutating func begin(task: UInt64, at number: UInt64, of process: Int) {
    #expect(images[process].begins.updateValue(number, forKey: task) == nil)
    images[process].decoder.begin(task: task, at: number)
  }

  mutating func take(records: RawSpan, of task: UInt64, from first: UInt64, of process: Int) {
    #expect(images[process].ending == nil && images[process].ends[task] == nil)
    #expect(images[process].begins[task].map { $0 <= first } == true)
    #expect(first >= images[process].decoder.expectedNumber(ofTask: task), "told twice")
    let before = images[process].received
    var events: [Event] = []
    images[process].decode(records, task, first, &events)
    #expect(images[process].received == before + UInt64(records.byteCount / RecordDecoder.recordBytes))
    for event in events {
      guard !mayLackNames, case .submitClosure(_, _, _, let name) = event.body else { continue }
      #expect(Int(name) < images[process].names.count)
    }
    if keepsEvents || images[process].events.isEmpty { images[process].events += events }
  }

  mutating func end(task: UInt64, at number: UInt64, of process: Int) {
    #expect(images[process].ending == nil && images[process].begins[task] != nil)
    #expect(images[process].ends.updateValue(number, forKey: task) == nil)
    images[process].end(task, number)
  }

  mutating func end(_ process: Int, _ ending: ProcessEnding, at time: UInt64) {
    #expect(images[process].ending == nil && Set(images[process].begins.keys) == Set(images[process].ends.keys))
    images[process].ending = ending
    images[process].finish()
    #expect(images[process].received + images[process].lost == images[process].made)
  }

  mutating func mark(_ time: UInt64) {
    #expect(time >= marks.last ?? 0)
    marks.append(time)
  }

  /// The only image; fails if there are more or none.
  func only() throws -> Image {
    try #require(images.count == 1)
    return images[0]
  }

  var received: UInt64 { images.reduce(0) { $0 + $1.received } }
  var lost: UInt64 { images.reduce(0) { $0 + $1.lost } }
}

extension TraceSession {
  /// Collects until `isDone`; fails after a minute.
  func collect(into sink: inout RecordedTrace, until isDone: (RecordedTrace) throws -> Bool) throws {
    let deadline = ContinuousClock.now + .seconds(60)
    while ContinuousClock.now < deadline {
      while try collect(into: &sink) {}
      if try isDone(sink) { return }
      var descriptor = pollfd(fd: pollDescriptor, events: Int16(POLLIN), revents: 0)
      unsafe _ = poll(&descriptor, 1, longestWait)
    }
    throw Subject.Lateness()
  }

  /// Collects until all traced processes have ended.
  func collectToTheEnd(into sink: inout RecordedTrace) throws -> Totals {
    try collect(into: &sink) { _ in livingProcesses.isEmpty }
    return try finish(into: &sink)
  }
}
