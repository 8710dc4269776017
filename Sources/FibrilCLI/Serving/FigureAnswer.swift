// The figures of one moment, and their texts, each made once.
internal import Metrics
internal import Serving
internal import Synchronization
internal import Texts
internal import TraceEvents

/// Figures that readers share.
final class FigureAnswer: Sendable {
  let figures: Figures
  private let started: UInt64
  private let texts = Mutex(Made())

  private struct Made {
    var openMetrics: [UInt8]?
    var json: [UInt8]?
  }

  /// `started` is when the exporter was, ns since 1970.
  init(_ figures: Figures, exporterStarted started: UInt64) {
    self.figures = figures
    self.started = started
  }

  func openMetrics(_ http: HTTPCounts) -> [UInt8] {
    texts.withLock { texts in
      if let known = texts.openMetrics { return known }
      var exporter = ExporterFigures.here(at: figures.time)
      exporter.startTime = started
      exporter.requests = http.requests
      exporter.refusedConnections = http.refusedConnections
      let text = OpenMetricsText.text(of: figures, exporter)
      texts.openMetrics = text
      return text
    }
  }

  func json() -> [UInt8] {
    texts.withLock { texts in
      if let known = texts.json { return known }
      let text = figures.json(of: .here(at: figures.time)).bytes
      texts.json = text
      return text
    }
  }

  /// Those that are followed, with how many fibrils and calls live in each.
  var followed: [Int32: UInt64] {
    let living = figures.processes.filter { $0.ending == nil }
    return Dictionary(
      living.map { figures in
        let states = figures.living
        return (
          figures.process.processID,
          states.runnable + states.running + states.blocked + states.pendingCalls + states.unknown
        )
      }, uniquingKeysWith: { $1 })
  }
}
