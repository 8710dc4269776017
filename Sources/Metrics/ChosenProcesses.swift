// Which processes, and which of their calls, a scrape shows: as many series as there is room for, and none twice.

internal import Texts
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
    /// As it stands in the text: two names may come to the same there.
    var command: [UInt8]
  }

  /// `all` are in the order in which they began. Of images with the same labels the latest stands for them all. Where
  /// there is no room, those that have ended are left out first, the earliest of them first.
  init(_ all: [ProcessFigures]) {
    var latest: [Identity: Int] = [:]
    for (index, figures) in all.enumerated() { latest[Self.identity(figures)] = index }
    let shown = all.enumerated().filter { latest[Self.identity($1)] == $0 }.map(\.element)
    for figures in shown.filter({ $0.ending == nil }) + shown.filter({ $0.ending != nil }).reversed() {
      let count = Self.samples(figures)
      guard processes.count < OpenMetricsText.mostProcesses, samples + count <= OpenMetricsText.mostSamples else {
        unlisted += 1
        continue
      }
      samples += count
      processes.append(figures)
    }
  }

  private static func identity(_ figures: ProcessFigures) -> Identity {
    Identity(processID: figures.process.processID, command: ByteText(foreign: figures.process.command).bytes)
  }

  private static func samples(_ figures: ProcessFigures) -> Int {
    // A histogram has three beside its buckets.
    let (fine, coarse) = (BucketEnd.fine.count + 3, BucketEnd.coarse.count + 3)
    return 20 + figures.results.count + 2 * figures.living.reasons.count + 4 * fine
      + (figures.blocked.count + figures.calls.count) * coarse
  }
}
