// From a session's recording to an exporter's file: a trace while it runs.
internal import BPFLoader
internal import Exporters
internal import Timeline
internal import TraceEvents

/// Feeds the recording of one session's first process through a timeline into an exporter.
struct TraceRecorder<Output: Exporter> {
  private let session: TraceSession
  private var replay: FirstProcess<Output>

  /// `start` is the beginning of the trace, CLOCK_MONOTONIC in nanoseconds.
  init(session: TraceSession, names: NameSource, start: UInt64, output: Output) {
    self.session = session
    replay = FirstProcess(names: names, output: output, timeline: Timeline(start: start))
  }

  /// Takes in some of what has come in; true if there is more. Throws the error that writing the
  /// output met.
  mutating func collect() throws -> Bool { try session.collect(into: &replay) }

  /// The process has become another program.
  var isReplaced: Bool { replay.ending == .executed }

  /// Ends the trace and the output, and says what they come to.
  mutating func finish() throws -> TraceSummary {
    session.detach()
    let end = ClockPair.now().nanoseconds
    let totals = try session.finish(into: &replay)
    replay.finish(at: end)
    try replay.output.finalise()
    return TraceSummary(
      statistics: replay.timeline.statistics, lost: replay.decoder.lostRecords,
      endIsKnown: totals.endIsKnown || totals.batches == 0, nanoseconds: end - replay.timeline.start)
  }
}

/// Shows the first process of a recording, and nothing of others.
private struct FirstProcess<Output: Exporter>: RecordingSink {
  let names: NameSource
  var output: Output
  var timeline: Timeline
  var decoder = RecordDecoder()
  var ending: ProcessEnding?
  private var clock = TickClock(source: .timeStampCounter)
  private var events: [Event] = []

  init(names: NameSource, output: Output, timeline: Timeline) {
    self.names = names
    self.output = output
    self.timeline = timeline
  }

  mutating func add(_ pair: ClockPair) { clock.add(pair) }

  mutating func begin(_ process: RecordedProcess) {
    if process.index == 0 { clock.source = process.clock }
  }

  mutating func take(_ modules: [RecordedModule], of process: Int) {}

  mutating func take(_ snapshot: ProcessSnapshot, of process: Int) throws {
    guard process == 0 else { return }
    timeline.begin(with: snapshot, into: &output)
    try check()
  }

  mutating func take(_ added: [String], from index: Int, of process: Int) {
    if process == 0 { names.add(added) }
  }

  mutating func take(stack: [UInt64], id: UInt32, of process: Int) {}

  mutating func begin(task: UInt64, at number: UInt64, of process: Int) {
    if process == 0 { decoder.begin(task: task, at: number) }
  }

  mutating func take(records: RawSpan, of task: UInt64, from first: UInt64, of process: Int) throws {
    guard process == 0 else { return }
    decoder.decode(records, task: task, first: first, clock: &clock, into: &events)
    try consume()
  }

  mutating func end(task: UInt64, at number: UInt64, of process: Int) throws {
    guard process == 0 else { return }
    decoder.end(task: task, at: number, into: &events)
    try consume()
  }

  mutating func end(_ process: Int, _ ending: ProcessEnding, at time: UInt64) throws {
    if process == 0 { self.ending = ending }
  }

  mutating func mark(_ time: UInt64) {}

  mutating func finish(at end: UInt64) {
    decoder.finish(into: &events)
    for event in events { timeline.consume(event, into: &output) }
    timeline.finish(at: end, into: &output)
  }

  private mutating func consume() throws {
    for event in events { timeline.consume(event, into: &output) }
    events.removeAll(keepingCapacity: true)
    try check()
  }

  private func check() throws {
    if let failure = output.failure { throw failure }
  }
}

/// An exporter that writes nothing: what counts is what the timeline counts.
struct NoOutput: Exporter {
  var failure: (any Error)? { nil }
  mutating func announce(_ task: TaskAnnouncement) {}
  mutating func announce(_ fibril: FibrilAnnouncement) {}
  mutating func consume(_ slice: StateSlice) {}
  mutating func consume(_ slice: TaskSlice) {}
  mutating func consume(_ slice: CallSlice) {}
  mutating func consume(_ flow: WakeFlow) {}
  mutating func consume(_ range: LostRange) {}
  mutating func flush() {}
  mutating func finalise() throws {}
}
