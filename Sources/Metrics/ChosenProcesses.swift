// Which processes, and which of their calls, a scrape shows: as many series as there is room for, and none twice.

internal import Timeline
internal import TraceEvents

/// The processes of a scrape.
struct ChosenProcesses {
  private(set) var processes: [ProcessFigures] = []
  /// How many samples they have, about.
  private(set) var samples = 0
  /// Processes that there was no room for.
  private(set) var unlisted = 0

  private struct Identity: Hashable {
    var processID: Int32
    var command: String
  }

  /// `all` are in the order in which they began. Of images with the same labels the latest stands for them all. Where
  /// there is no room, those that have ended are left out first, the earliest of them first.
  init(_ all: [ProcessFigures]) {
    var latest: [Identity: Int] = [:]
    for (index, figures) in all.enumerated() { latest[Self.identity(figures)] = index }
    let shown = all.enumerated().filter { latest[Self.identity($1)] == $0 }.map(\.element)
    for figures in shown.filter({ $0.ending == nil }) + shown.filter({ $0.ending != nil }).reversed() {
      let bounded = Self.bounded(figures)
      let count = Self.samples(bounded)
      guard processes.count < OpenMetricsText.mostProcesses, samples + count <= OpenMetricsText.mostSamples else {
        unlisted += 1
        continue
      }
      samples += count
      processes.append(bounded)
    }
  }

  private static func identity(_ figures: ProcessFigures) -> Identity {
    Identity(processID: figures.process.processID, command: figures.process.command)
  }

  private static func bounded(_ figures: ProcessFigures) -> ProcessFigures {
    var figures = figures
    let most = OpenMetricsText.mostNames
    if figures.calls.count > most {
      let sorted = figures.calls.sorted { $0.latency.sum > $1.latency.sum }
      var (kept, other) = ([(call: String, latency: LatencyFigures)](), LatencyFigures())
      for entry in sorted {
        if entry.call == "other" || kept.count == most - 1 { other.add(entry.latency) } else { kept.append(entry) }
      }
      figures.calls = kept + [("other", other)]
    }
    if figures.results.count > most {
      let sorted = figures.results.sorted { $0.count > $1.count }
      var (kept, other): ([(name: String, count: UInt64)], UInt64) = ([], 0)
      for entry in sorted {
        if entry.name == "other" || kept.count == most - 1 { other &+= entry.count } else { kept.append(entry) }
      }
      figures.results = kept + [("other", other)]
    }
    return figures
  }

  private static func samples(_ figures: ProcessFigures) -> Int {
    // A histogram has three beside its buckets.
    let (fine, coarse) = (BucketEnd.fine.count + 3, BucketEnd.coarse.count + 3)
    return 20 + figures.results.count + 2 * figures.living.reasons.count + 4 * fine
      + (figures.blocked.count + figures.calls.count) * coarse
  }
}

extension LatencyFigures {
  /// Makes count, sum and buckets those of both. Percentiles cannot be had from these: they become 0.
  mutating func add(_ other: LatencyFigures) {
    let longer = Swift.max(buckets.count, other.buckets.count)
    buckets = (0..<longer).map { number in
      (number < buckets.count ? buckets[number] : 0) &+ (number < other.buckets.count ? other.buckets[number] : 0)
    }
    (count, sum, max) = (count &+ other.count, sum + other.sum, Swift.max(max, other.max))
    (p50, p90, p99, p999) = (0, 0, 0, 0)
  }
}
