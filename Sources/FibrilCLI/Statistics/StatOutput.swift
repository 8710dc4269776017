// The output of `fibril stat`: sums, shown at each interval and at the end.
internal import ArgumentParser
internal import Metrics
internal import Texts
internal import TraceEvents

struct StatOutput: TraceOutput, ForwardingSink {
  var sink = MetricsRecorder(mostEnded: 1 << 14)
  private let interval: UInt64?
  private let isJSON: Bool
  /// Of the recording that is counted; nil: of processes, now.
  private let header: FBTHeader?
  private let write: (ByteText) throws -> Void
  private var lines = IntervalLines()
  /// When the next interval ends, CLOCK_MONOTONIC in ns.
  private var next: UInt64

  /// `interval` is in ns; nil: only the end is shown. `start` is CLOCK_MONOTONIC in ns.
  init(
    interval: UInt64? = nil, start: UInt64 = 0, isJSON: Bool, header: FBTHeader? = nil,
    write: @escaping (ByteText) throws -> Void
  ) {
    self.interval = interval
    self.isJSON = isJSON
    self.header = header
    self.write = write
    next = start + (interval ?? 0)
  }

  var numbers: TraceNumbers { TraceNumbers(FBTTotals(), lostByTask: [:]) }

  mutating func review(at time: UInt64) throws -> String? {
    guard let interval, time >= next else { return nil }
    // An interval is skipped rather than made up for.
    next += (1 + (time - next) / interval) * interval
    let figures = sink.figures(ofInterval: true)
    try write(isJSON ? json(figures) : lines.text(of: figures, at: time))
    return nil
  }

  mutating func finish(at time: UInt64) throws {
    if isJSON { return try write(json(sink.figures(ofInterval: interval != nil))) }
    let figures = sink.figures()
    if figures.forgottenProcesses > 0 {
      Diagnostics.say("\(figures.forgottenProcesses) processes ended before these, and are not shown any more")
    }
    var text = ByteText()
    for process in figures.processes { StatTable(process).append(to: &text) }
    try write(text)
  }

  private func json(_ figures: Figures) -> ByteText {
    var text = figures.json(of: .here(at: figures.time, by: header ?? .here))
    text.append("\n")
    return text
  }
}

extension TracerFigures {
  /// Of this process, at `time`, CLOCK_MONOTONIC in ns, by the clocks of `header`, which is that of a recording.
  static func here(at time: UInt64, by header: FBTHeader = .here) -> TracerFigures {
    TracerFigures(
      version: FibrilCommand.configuration.version,
      unixTime: (Double(header.realTime) + (Double(time) - Double(header.monotonicTime))) / 1e9,
      processorTime: TracerCost.now().processorNanoseconds, residentBytes: TracerCost.residentBytes())
  }
}
