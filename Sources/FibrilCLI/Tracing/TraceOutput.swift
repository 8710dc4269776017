// Where a trace goes: every format, as the loop of a trace sees it.
internal import Exporters
internal import Replay
internal import Timeline
internal import TraceEvents

/// What takes a recording while it is made, ends its file, and says what it came to.
protocol TraceOutput: RecordingSink {
  /// What has been recorded so far.
  var numbers: TraceNumbers { get }

  /// Looks at what has come; called after each of the trace's rounds. `time` is CLOCK_MONOTONIC in ns.
  ///
  /// Returns why the trace is to end, in words for the user; nil: it goes on.
  mutating func review(at time: UInt64) throws -> String?

  /// Somebody wants what there is by now.
  mutating func save() throws

  /// Ends the file. Nothing comes any more.
  mutating func finish(at time: UInt64) throws
}

extension TraceOutput {
  mutating func review(at time: UInt64) throws -> String? { nil }
  mutating func save() throws {}
}

/// A trace in numbers.
struct TraceNumbers {
  var events: UInt64 = 0
  /// Records that never arrived.
  var lost: UInt64 = 0
  var fibrils: UInt64 = 0
  var tasks: UInt64 = 0
  var counts = EventCounts()
  /// By the process's number in the recording and by task, where any were lost.
  var lostByTask: [Int: [UInt64: UInt64]] = [:]
  /// A system call's number and how long it took, in ns; nil where that was not looked at.
  var slowestCall: (call: UInt32, nanoseconds: UInt64)?

  init(_ totals: FBTTotals, lostByTask: [Int: [UInt64: UInt64]]) {
    events = totals.events
    lost = totals.lost
    fibrils = totals.fibrils
    tasks = totals.tasks
    counts = totals.counts
    self.lostByTask = lostByTask
  }

  init(_ results: [ProcessResult]) {
    for result in results {
      let statistics = result.statistics
      events += statistics.events
      lost += result.lost
      fibrils += statistics.fibrils
      tasks += statistics.tasks
      counts.add(statistics.counts)
      if !result.lostByTask.isEmpty { lostByTask[result.process.index] = result.lostByTask }
      if let slowest = statistics.slowestCall, slowest.duration > slowestCall?.nanoseconds ?? 0 {
        slowestCall = (slowest.call, slowest.duration)
      }
    }
  }
}

/// A `.fbt` file, or as much of one as is looked at.
extension FBTWriter: TraceOutput {
  var numbers: TraceNumbers { TraceNumbers(totals, lostByTask: lostByTask) }
}

/// Any format that shows timelines.
extension Replay: TraceOutput {
  var numbers: TraceNumbers { TraceNumbers(results) }

  mutating func finish(at time: UInt64) throws { try finish(at: .some(time)) }
}
