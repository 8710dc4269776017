// A line an interval, in columns that fit 80.
internal import Metrics
internal import Texts
internal import Timeline
internal import TraceEvents

struct IntervalLines {
  private var linesUntilTitle = 0
  /// What each process had come to at the last interval, by its number in the recording.
  private var last: [Int: (time: UInt64, counts: EventCounts, lost: UInt64)] = [:]

  private static let titles = [
    "PID", "submit/s", "switch/s", "wake/s", "runnable", "blocked", "runq p99", "run p99", "lost",
  ]
  private static let widths = [7, 9, 9, 9, 9, 9, 9, 9, 9]

  /// The lines of the interval that ends at `time`, CLOCK_MONOTONIC in ns: one for each process.
  mutating func text(of figures: Figures, at time: UInt64) -> ByteText {
    var text = ByteText()
    for process in figures.processes {
      let before = last[process.process.index] ?? (process.process.begin, EventCounts(), 0)
      // Of a process that has ended, the table at the end tells.
      last[process.process.index] = process.ending == nil ? (time, process.counts, process.lost) : nil
      if process.ending != nil { continue }
      let span = time - min(time, before.time)
      func rate(_ count: KeyPath<EventCounts, UInt64>) -> String {
        short(rate: process.counts[keyPath: count] - before.counts[keyPath: count], over: span)
      }
      if linesUntilTitle == 0 { add(Self.titles, to: &text) }
      linesUntilTitle = linesUntilTitle == 0 ? 19 : linesUntilTitle - 1
      add(
        [
          "\(process.process.processID)", rate(\.submits), rate(\.switches), rate(\.wakes),
          short(process.living.runnable), short(process.living.blocked), duration(process.runQueueWait.p99),
          duration(process.running.p99), short(process.lost - before.lost),
        ], to: &text)
    }
    return text
  }

  private func add(_ cells: [String], to text: inout ByteText) {
    for (cell, width) in zip(cells, Self.widths) {
      text.append(own: String(repeating: " ", count: max(0, width - cell.count)) + cell)
    }
    text.append("\n")
  }
}
