// A flight recorder's copies, against an invented process whose truth is known.

import CFibrilContract
import Testing
import Timeline
import TraceEvents

@testable import FlightRecorder

extension ModelTests {
  /// Whatever is thrown away, the copy is a whole recording of the rest.
  @Test(arguments: seeds.prefix(15)) func aCopyTellsTheTruthOfWhatWasKept(seed: UInt64) throws {
    var model = Model(task: 1, seed: seed, recordsAllWakes: false)
    let kept: UInt64 = 900
    var recorder = FlightRecorder(
      capacity: seed % 2 == 0 ? .time(kept) : .bytes(1500),
      options: FBTWriter.Options(recordsLevel: Int32(seed % 3 / 2)))
    try recorder.begin(
      RecordedProcess(index: 7, processID: 1, command: "model", clock: .monotonic, begin: 900))
    try recorder.take(["", "one"], from: 0, of: 7)
    try recorder.begin(task: 1, at: 0, of: 7)
    var told = 0
    for step in 0..<400 {
      model.step()
      guard step % 9 == 0 || step == 399 else { continue }
      let records = model.events[told...].flatMap { $0.record }
      try unsafe recorder.take(records: records.span.bytes, of: 1, from: UInt64(told), of: 7)
      told = model.events.count
      // A wake may still come that is older.
      try recorder.mark(model.time - min(model.time, Model.longestWakeDelay))
    }
    #expect(recorder.totals.events == UInt64(model.events.count))
    if seed % 2 == 1 { #expect((1500..<2500).contains(recorder.keptBytes)) }

    var copy = try recorder.copy()
    var file: [UInt8] = []
    while try copy.step(header: .now(tracer: "test"), write: { file += $0 }) {}
    var sink = TimelineOf(process: 7)
    var position = 0
    var reader = try FBTReader { count in
      defer { position = min(file.count, position + count) }
      return Array(file[position..<min(file.count, position + count)])
    }
    #expect(try reader.replay(into: &sink) == .complete)
    #expect(reader.totals == copy.totals)
    sink.timeline?.finish(at: model.time + 10, into: &sink.recorder)
    checkTruth(sink.recorder, model)
    checkTracks(sink.recorder)
    #expect(sink.names == ["", "one"])
    #expect(sink.recorder.states.allSatisfy { $0.state != .unknown })
    let begin = try #require(sink.begin)
    #expect(begin > 900 && sink.recorder.states.allSatisfy { $0.begin >= begin })
    if seed % 2 == 0 { #expect(begin + kept + 200 > model.time && begin + kept - 200 < model.time) }
    #expect(copy.totals.events == sink.timeline?.statistics.events && copy.totals.lost == 0)
  }

  /// However long the time that was asked for.
  @Test func aStretchOfTimeDoesNotTakeAllMemory() throws {
    var model = Model(task: 1, seed: 1, recordsAllWakes: false)
    var recorder = FlightRecorder(capacity: .time(.max), mostBytes: 1500)
    try recorder.begin(RecordedProcess(index: 0, processID: 1, command: "model", clock: .monotonic, begin: 900))
    var told = 0
    for step in 0..<400 {
      model.step()
      guard step % 9 == 0 else { continue }
      let records = model.events[told...].flatMap { $0.record }
      try unsafe recorder.take(records: records.span.bytes, of: 1, from: UInt64(told), of: 0)
      told = model.events.count
      try recorder.mark(model.time - min(model.time, Model.longestWakeDelay))
      #expect(recorder.keptBytes <= 1500)
    }
    #expect(recorder.isCutShort)
  }
}

extension ModelTests {
  /// Tasks that are told of in turn, some further than others, and with losses: what a copy says of any of them from
  /// its first moment on is true, and only a loss makes a state unknown.
  @Test(arguments: seeds.prefix(30)) func aCopyTellsNoLieAfterLosses(seed: UInt64) throws {
    var random = Random(seed: seed)
    var models = (1...3).map { Model(task: UInt64($0), seed: seed &* 3 &+ UInt64($0), recordsAllWakes: false) }
    var told = [Int](repeating: 0, count: models.count)
    var lost = [Bool](repeating: false, count: models.count)
    var recorder = FlightRecorder(capacity: .time(400 + 100 * (seed % 4)))
    try recorder.begin(RecordedProcess(index: 0, processID: 1, command: "model", clock: .monotonic, begin: 900))
    for model in models { try recorder.begin(task: model.task, at: 0, of: 0) }
    func tell(_ task: Int, upTo end: Int, mayLose: Bool) throws {
      let lump = told[task]..<end
      told[task] = end
      if mayLose, !lump.isEmpty, random.chance(10) {
        lost[task] = true
        return
      }
      let records = models[task].events[lump].flatMap { $0.record }
      try unsafe recorder.take(
        records: records.span.bytes, of: models[task].task, from: UInt64(lump.lowerBound), of: 0)
    }
    var copied = 0
    for round in 1...40 {
      let mark = 1000 + UInt64(round) * 60
      let copies = round > 10 && random.chance(25)
      for task in models.indices {
        while models[task].time < mark { models[task].step() }
        // A loss shows in what follows it.
        try tell(task, upTo: models[task].events.count, mayLose: seed % 3 > 0)
        while models[task].time < mark + 60 { models[task].step() }
        let rest = models[task].events.count - told[task]
        try tell(task, upTo: told[task] + (copies ? rest : random.below(rest)), mayLose: seed % 3 > 0 && !copies)
      }
      try recorder.mark(mark - Model.longestWakeDelay)
      guard copies else { continue }
      copied += 1
      var copy = try recorder.copy()
      var file: [UInt8] = []
      while try copy.step(header: .now(tracer: "test"), write: { file += $0 }) {}
      var sink = TimelineOf(process: 0)
      var position = 0
      var reader = try FBTReader { count in
        defer { position = min(file.count, position + count) }
        return Array(file[position..<min(file.count, position + count)])
      }
      #expect(try reader.replay(into: &sink) == .complete)
      // A wake that is older than what has been told may follow.
      let end = models.map(\.time).min()! - Model.longestWakeDelay
      sink.timeline?.finish(at: end, into: &sink.recorder)
      for task in models.indices {
        let part = sink.recorder.part(ofTask: models[task].task)
        checkTruth(part, models[task])
        checkTracks(part)
        if !lost[task] { #expect(part.states.allSatisfy { $0.state != .unknown }) }
      }
    }
    #expect(copied > 0)
  }
}

extension Recorder {
  fileprivate func part(ofTask task: UInt64) -> Recorder {
    var part = self
    part.states.removeAll { $0.task != task }
    part.activities.removeAll { $0.task != task }
    part.calls.removeAll { $0.task != task }
    part.flows.removeAll { $0.task != task }
    return part
  }
}

/// The timeline of one process of a recording.
private struct TimelineOf: RecordingSink {
  let process: Int
  var timeline: Timeline?
  var recorder = Recorder()
  var names: [String] = []
  var begin: UInt64?
  private var decoder = RecordDecoder()
  private var clock = TickClock(source: .monotonic)

  init(process: Int) { self.process = process }

  mutating func add(_ pair: ClockPair) {}
  mutating func begin(_ process: RecordedProcess) {
    begin = process.begin
    timeline = Timeline(start: process.begin)
  }
  mutating func take(_ modules: [RecordedModule], of process: Int) {}
  mutating func take(_ snapshot: ProcessSnapshot, of process: Int) {
    timeline?.begin(with: snapshot, into: &recorder)
  }
  mutating func take(_ names: [String], from index: Int, of process: Int) { self.names += names }
  mutating func take(stack: [UInt64], id: UInt32, of process: Int) {}
  mutating func begin(task: UInt64, at number: UInt64, of process: Int) { decoder.begin(task: task, at: number) }
  mutating func take(records: RawSpan, of task: UInt64, from first: UInt64, of process: Int) {
    var events: [Event] = []
    decoder.decode(records, task: task, first: first, clock: &clock, into: &events)
    decoder.finish(into: &events)
    for event in events { timeline?.consume(event, into: &recorder) }
  }
  mutating func end(task: UInt64, at number: UInt64, of process: Int) {}
  mutating func end(_ process: Int, _ ending: ProcessEnding, at time: UInt64) {}
  mutating func mark(_ time: UInt64) {}
}

extension Event {
  /// The event as the record that a task would have made; none of those here takes two.
  fileprivate var record: [fibril_record] {
    func record(_ kind: fibril_record_kind, _ fibril: UInt64, _ arg: UInt64 = 0, _ arg32: UInt32 = 0) -> [fibril_record]
    {
      [
        fibril_record(
          time: time, fibril: fibril, arg: arg, kind: UInt16(kind.rawValue),
          number16: UInt16(truncatingIfNeeded: number), arg32: arg32)
      ]
    }
    return switch body {
    case .taskStart(let root, let threadID): record(FIBRIL_RECORD_TASK_START, root, UInt64(threadID))
    case .taskStop(let root): record(FIBRIL_RECORD_TASK_STOP, root)
    case .submitCall(let fibril, let parent, let call): record(FIBRIL_RECORD_SUBMIT, fibril, parent, call)
    case .submitClosure(let fibril, let parent, _, _): record(FIBRIL_RECORD_SUBMIT, fibril, parent, .max)
    case .switch(let from, let to, let state): record(FIBRIL_RECORD_SWITCH, to, from, UInt32(state.rawValue))
    case .block(let fibril, let reason, _, let object, _): record(FIBRIL_RECORD_BLOCK, fibril, object, reason.rawValue)
    case .wake(let fibril, let byTask, let byFibril): record(FIBRIL_RECORD_WAKE, fibril, byFibril, byTask)
    case .teardown(let fibril, let result): record(FIBRIL_RECORD_TEARDOWN, fibril, UInt64(bitPattern: result))
    case .lost: []
    }
  }
}
