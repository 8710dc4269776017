// What a trace comes to in numbers: the summary file and the closing line.
internal import Glibc
internal import TraceEvents

/// A finished trace in numbers.
struct TraceSummary {
  var numbers: TraceNumbers
  /// Nothing is lost beyond what is counted.
  var endIsKnown: Bool
  var nanoseconds: UInt64
  var cost = TracerCost.now()

  /// One JSON object on one line.
  var json: String {
    let counts = numbers.counts
    let fields: [(String, UInt64)] = [
      ("events", numbers.events), ("lost", numbers.lost), ("fibrils", numbers.fibrils), ("tasks", numbers.tasks),
      ("duration_ns", nanoseconds), ("submits", counts.submits), ("blocks", counts.blocks), ("wakes", counts.wakes),
      ("switches", counts.switches), ("sleeps", counts.sleeps), ("resumes", counts.resumes),
      ("teardowns", counts.teardowns), ("tracer_cpu_ns", cost.processorNanoseconds),
      ("tracer_rss_bytes", cost.peakResidentBytes),
    ]
    var members = fields.map { "\"\($0)\": \($1)" }
    members.append("\"end_is_known\": \(endIsKnown)")
    let losses = losses.map { "{\"process\": \($0.process), \"task\": \($0.task), \"lost\": \($0.lost)}" }
    members.append("\"lost_by_task\": [\(losses.joined(separator: ", "))]")
    if let slowest = numbers.slowestCall {
      members.append("\"slowest_call\": \"\(Self.name(slowest.call))\"")
      members.append("\"slowest_call_ns\": \(slowest.nanoseconds)")
    }
    return "{" + members.joined(separator: ", ") + "}\n"
  }

  private static func name(_ call: UInt32) -> String { SystemCallNames.name(of: call) ?? "call \(call)" }

  /// Records lost by each task that lost any; `process` is its number in the recording.
  private var losses: [(process: Int, task: UInt64, lost: UInt64)] {
    numbers.lostByTask.sorted { $0.key < $1.key }.flatMap { process, tasks in
      tasks.sorted { $0.key < $1.key }.map { (process, $0.key, $0.value) }
    }
  }

  /// For people.
  var line: String {
    """
    \(Self.count(numbers.events, "event")), \(numbers.lost) lost, of \(Self.count(numbers.fibrils, "fibril")) on \
    \(Self.count(numbers.tasks, "task")) in \(Self.seconds(nanoseconds)) s; the tracer took \
    \(Self.seconds(cost.processorNanoseconds)) s of CPU time and \(cost.peakResidentBytes >> 20) MiB
    """
  }

  /// Who lost records, for people; nil if nobody did.
  var lossLine: String? {
    guard numbers.lost > 0 else { return nil }
    let worst = losses.sorted { $0.lost > $1.lost }
    let tasks = worst.prefix(4).map { "\($0.lost) of task \($0.task)" } + (worst.count > 4 ? ["..."] : [])
    return """
      what the lost records (\(tasks.joined(separator: ", "))) would have told is shown as unknown; try a larger \
      --buffer
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

  /// The memory that this process holds now, in bytes; 0: not known.
  static func residentBytes() -> UInt64 {
    guard let text = contentsOfProcFile("/proc/self/statm", limit: 256) else { return 0 }
    let words = text.split(separator: " ")
    return words.count > 1 ? (UInt64(words[1]) ?? 0) * UInt64(sysconf(Int32(_SC_PAGESIZE))) : 0
  }
}
