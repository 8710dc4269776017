// From a session's events to an exporter's file: a trace while it runs.
internal import BPFLoader
internal import Exporters
internal import Timeline
internal import TraceEvents

/// Feeds the events of one session through a timeline into an exporter.
struct TraceRecorder<Output: Exporter> {
  private let session: TraceSession
  private let names: NameSource
  private var timeline: Timeline
  private var output: Output

  /// `start` is the beginning of the trace, CLOCK_MONOTONIC in nanoseconds.
  init(session: TraceSession, names: NameSource, start: UInt64, output: Output) {
    self.session = session
    self.names = names
    self.output = output
    timeline = Timeline(start: start)
  }

  /// Takes in the fibrils that were there before the trace. Comes before the first `collect`.
  mutating func begin(with snapshot: ProcessSnapshot) throws {
    names.refresh(from: session)
    timeline.begin(with: snapshot, into: &output)
    try check()
  }

  /// Takes in some of what has come in; true if there is more. Throws the error that writing the
  /// output met.
  mutating func collect() throws -> Bool {
    names.refresh(from: session)
    return try session.collect { events in try consume(events) }
  }

  /// Ends the trace and the output, and says what they come to.
  mutating func finish() throws -> TraceSummary {
    names.refresh(from: session)
    session.detach()
    let end = ClockPair.now().nanoseconds
    let totals = try session.finish { events in try consume(events) }
    timeline.finish(at: end, into: &output)
    try output.finalise()
    return TraceSummary(
      statistics: timeline.statistics, lost: totals.lost, endIsKnown: totals.endIsKnown || totals.batches == 0,
      nanoseconds: end - timeline.start)
  }

  private mutating func consume(_ events: [Event]) throws {
    // Names that the next events mention may be gone with the process before those are taken in.
    names.refresh(from: session)
    for event in events { timeline.consume(event, into: &output) }
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
