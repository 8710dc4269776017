// What Prometheus is told, to the byte.
import Foundation
import GoldenFiles
import Timeline
import Testing
import Timeline
import TraceEvents

@testable import Metrics

@Suite struct OpenMetricsTests {
  private func server() -> ProcessFigures {
    var figures = ProcessFigures(index: 0, processID: 4711, command: "server")
    (figures.events, figures.lost) = (70, 3)
    (figures.counts.submits, figures.counts.switches, figures.counts.sleeps) = (7, 20, 4)
    (figures.counts.blocks, figures.counts.wakes, figures.counts.teardowns) = (12, 11, 6)
    figures.results = [("ok", 5), ("ENOENT", 1)]
    figures.runQueueWait = LatencyFigures([0, 1023, 1024, 5_000_000])
    figures.running = LatencyFigures([900, 2000])
    figures.blocked = [
      ("call", LatencyFigures([4_000_000_000_000])), ("mutex", LatencyFigures([1_500_000_000, 70_000])),
    ]
    figures.calls = [("read", LatencyFigures([4_000_000_000_000]))]
    figures.closureLifetime = LatencyFigures([3_000_000_000])
    figures.living.runnable = 1
    (figures.living.blocked, figures.living.pendingCalls) = (2, 9)
    figures.living.reasons = [("mutex", 2, 1_234_567_890)]
    figures.living.oldestRunnable = 17
    figures.tasks = [0.25, 0.8125].enumerated().map { index, load in
      TaskFigures(
        task: UInt64(index) + 1, threadID: 0, busyTime: 0, sleepTime: 0, load: load, fibrils: 0, runnable: 0)
    }
    (figures.busyTime, figures.sleepTime) = (2_000_000_001, 1_000_000_000)
    return figures
  }

  @Test func textIsAsRecorded() throws {
    var figures = Figures([
      server(), ProcessFigures(index: 1, processID: 4712, command: "job", ending: .exited(status: 0)),
    ])
    (figures.endedProcesses, figures.forgottenProcesses, figures.events, figures.lost) = (3, 2, 700, 30)
    let text = OpenMetricsText.text(of: figures, .sample)
    #expect(Samples(text).faults == [])
    let golden = GoldenFile("metrics.txt", in: .module)
    #expect(try golden.difference(to: String(decoding: text, as: UTF8.self)) == nil)
  }

  /// A bucket counts the durations that are no longer than it says.
  @Test func bucketsAreExact() throws {
    let edges = (8..<42).flatMap { power -> [UInt64] in [1 << power - 1, 1 << power] }
    let durations = edges + (0..<1000).map { _ in UInt64.random(in: 0..<1 << Int.random(in: 0..<44)) }
    var figures = ProcessFigures(index: 0, processID: 1, command: "a")
    figures.runQueueWait = LatencyFigures(durations)
    let samples = Samples(OpenMetricsText.text(of: Figures([figures]), .sample))
    let begin = "fibril_run_queue_wait_seconds_bucket{command=\"a\",pid=\"1\",le=\""
    let buckets = samples.lines.filter { $0.series.hasPrefix(begin) }
    #expect(buckets.count == 32 && buckets.last?.series == begin + "+Inf\"}")
    for bucket in buckets.dropLast() {
      let end = try #require(Decimal(string: String(bucket.series.dropFirst(begin.count).dropLast(2))))
      let expected = durations.count { Decimal($0) <= end * 1_000_000_000 }
      #expect(bucket.value == "\(expected)", "\(bucket.series)")
    }
    #expect(buckets.last?.value == "\(durations.count)")
    let sum = try #require(samples["fibril_run_queue_wait_seconds_sum{command=\"a\",pid=\"1\"}"])
    #expect(Decimal(string: sum)! * 1_000_000_000 == durations.reduce(0) { $0 + Decimal($1) })
  }

  /// A process that executes another program goes on with the same labels, and so may one that gets an id again.
  @Test func noSeriesComesTwice() {
    let images = (0..<3).map { index in
      var figures = ProcessFigures(index: index, processID: 7, command: "a", ending: index < 2 ? .executed : nil)
      figures.events = UInt64(index) + 10
      return figures
    }
    let other = ProcessFigures(index: 3, processID: 7, command: "b", ending: .executed)
    let samples = Samples(OpenMetricsText.text(of: Figures(images + [other]), .sample))
    #expect(samples.faults == [])
    #expect(samples["fibril_events_total{command=\"a\",pid=\"7\"}"] == "12")
    #expect(samples["fibril_events_total{command=\"b\",pid=\"7\"}"] == "0")
    #expect(samples["fibril_unlisted_processes"] == "0")
  }

  /// Names that differ only in what cannot be shown are one name in the text.
  @Test func noSeriesComesTwiceForHostileNames() {
    let images = ["a\n", "a\u{1}", "a\u{202e}"].enumerated().map { index, name in
      ProcessFigures(index: index, processID: 7, command: name, ending: index < 2 ? .executed : nil)
    }
    let samples = Samples(OpenMetricsText.text(of: Figures(images), .sample))
    #expect(samples.faults == [])
    #expect(samples.lines.count { $0.series.hasPrefix("fibril_events_total") } == 1)
  }

  @Test func namesThatMeanHarm() {
    let names = ["\"} 1\nfibril_events_total{pid=\"8", "\\", "\u{202e}\u{0}\r", "\"\u{301}", "é {}#,=", ""]
    let processes = names.enumerated().map { ProcessFigures(index: $0, processID: Int32($0 + 1), command: $1) }
    let samples = Samples(OpenMetricsText.text(of: Figures(processes), .sample))
    #expect(samples.faults == [])
    let events = samples.lines.filter { $0.series.hasPrefix("fibril_events_total") }.map(\.series)
    let labels = [
      #"\"} 1�fibril_events_total{pid=\"8"#, #"\\"#, "\u{fffd}\u{fffd}\u{fffd}", "\\\"\u{301}", "é {}#,=", "",
    ]
    #expect(
      events == labels.enumerated().map { "fibril_events_total{command=\"\($1)\",pid=\"\($0 + 1)\"}" })
  }

  /// However many processes, calls and results there are.
  @Test func itIsBounded() throws {
    let processes = (0..<2000).map { index in
      var figures = ProcessFigures(
        index: index, processID: Int32(index + 1), command: "a", ending: index < 1000 ? .executed : nil)
      figures.calls = (0..<200).map { ("call\($0)", LatencyFigures([UInt64($0) + 1])) }
      figures.results = (0..<200).map { ("E\($0)", UInt64($0) + 1) }
      return figures
    }
    let text = OpenMetricsText.text(of: Figures(processes), .sample)
    let samples = Samples(text)
    #expect(samples.faults == [] && text.count < 20 << 20)
    #expect(samples.lines.count < OpenMetricsText.mostSamples + 100)
    let events = samples.lines.filter { $0.series.hasPrefix("fibril_events_total") }
    // The first of those that live.
    #expect(events.first?.series == "fibril_events_total{command=\"a\",pid=\"1001\"}")
    #expect(samples["fibril_unlisted_processes"] == "\(2000 - events.count)")
    let small = Figures((0..<2000).map { ProcessFigures(index: $0, processID: Int32($0 + 1), command: "a") })
    let names = Samples(OpenMetricsText.text(of: small, .sample)).lines.count { $0.series.hasPrefix("fibril_tasks{") }
    #expect(names == OpenMetricsText.mostProcesses)
  }
}
