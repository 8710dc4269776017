// What a trace comes to in numbers: the summary file and the closing line.
internal import Glibc
internal import Timeline
internal import TraceEvents

/// A finished trace in numbers.
struct TraceSummary {
  var statistics: TimelineStatistics
  /// Records that never arrived.
  var lost: UInt64
  /// Nothing is lost beyond what is counted.
  var endIsKnown: Bool
  var nanoseconds: UInt64
  var cost = TracerCost.now()

  /// One JSON object on one line.
  var json: String {
    let counts = statistics.counts
    let fields: [(String, UInt64)] = [
      ("events", statistics.events), ("lost", lost), ("fibrils", statistics.fibrils), ("tasks", statistics.tasks),
      ("duration_ns", nanoseconds), ("submits", counts.submits), ("blocks", counts.blocks), ("wakes", counts.wakes),
      ("switches", counts.switches), ("sleeps", counts.sleeps), ("resumes", counts.resumes),
      ("teardowns", counts.teardowns), ("tracer_cpu_ns", cost.processorNanoseconds),
      ("tracer_rss_bytes", cost.peakResidentBytes),
    ]
    var members = fields.map { "\"\($0)\": \($1)" }
    if let slowest = statistics.slowestCall {
      members.append("\"slowest_call\": \"\(Self.name(slowest.call))\"")
      members.append("\"slowest_call_ns\": \(slowest.duration)")
    }
    return "{" + members.joined(separator: ", ") + "}\n"
  }

  private static func name(_ call: UInt32) -> String { SystemCallNames.name(of: call) ?? "call \(call)" }

  /// For people.
  var line: String {
    """
    \(Self.count(statistics.events, "event")), \(lost) lost, of \(Self.count(statistics.fibrils, "fibril")) on \
    \(Self.count(statistics.tasks, "task")) in \(Self.seconds(nanoseconds)) s; the tracer took \(Self.seconds(cost.processorNanoseconds)) s of CPU time
    """
  }

  private static func count(_ number: UInt64, _ noun: String) -> String { "\(number) \(noun)\(number == 1 ? "" : "s")" }

  /// With two decimals.
  private static func seconds(_ nanoseconds: UInt64) -> String {
    let hundredths = (nanoseconds + 5_000_000) / 10_000_000
    return "\(hundredths / 100).\(hundredths % 100 < 10 ? "0" : "")\(hundredths % 100)"
  }
}

/// What the tracer itself has used so far.
struct TracerCost {
  var processorNanoseconds: UInt64
  /// The most memory it ever held.
  var peakResidentBytes: UInt64

  static func now() -> TracerCost {
    var usage = rusage()
    unsafe _ = getrusage(RUSAGE_SELF.rawValue, &usage)
    let seconds = usage.ru_utime.tv_sec + usage.ru_stime.tv_sec
    let microseconds = usage.ru_utime.tv_usec + usage.ru_stime.tv_usec
    return TracerCost(
      processorNanoseconds: UInt64(seconds) * 1_000_000_000 + UInt64(microseconds) * 1000,
      // The kernel counts it in KiB.
      peakResidentBytes: UInt64(usage.ru_maxrss) * 1024)
  }
}
