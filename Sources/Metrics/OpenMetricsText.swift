// The figures as Prometheus reads them: docs/metrics.md names the families.

internal import Timeline
internal import TraceEvents

/// Writes figures as OpenMetrics 1.0 text.
///
/// The text is bounded, whatever is traced: processes that there is no room for are counted instead.
public struct OpenMetricsText {
  /// No more processes than this have samples.
  static let mostProcesses = 512
  /// The samples of processes, all together, come to no more than about this.
  static let mostSamples = 150_000

  private var writer: MetricsWriter
  private let processes: [(figures: ProcessFigures, labels: MetricLabels)]

  /// The whole text.
  public static func text(of figures: Figures, _ exporter: ExporterFigures) -> [UInt8] {
    let chosen = ChosenProcesses(figures.processes)
    var text = OpenMetricsText(chosen)
    text.writeCounters()
    text.writeStates()
    text.writeHistograms()
    text.writeExporter(figures, exporter, unlisted: chosen.unlisted)
    return text.writer.finish()
  }

  private init(_ chosen: ChosenProcesses) {
    // A sample takes about a hundred bytes.
    writer = MetricsWriter(capacity: 8192 + 112 * chosen.samples)
    processes = chosen.processes.map { figures in
      let labels = MetricLabels().adding("command", figures.process.command)
        .adding("pid", "\(figures.process.processID)")
      return (figures, labels)
    }
  }

  private mutating func counter(_ name: StaticString, _ help: StaticString, _ value: (ProcessFigures) -> UInt64) {
    writer.family(name, .counter, help: help)
    for (figures, labels) in processes { writer.sample(labels, value(figures)) }
  }

  private mutating func writeCounters() {
    counter("fibril_events", "Events that arrived.") { $0.events }
    counter("fibril_records_lost", "Records that never arrived.") { $0.lost }
    counter("fibril_submits", "Closures and calls submitted.") { $0.counts.submits }
    writer.family("fibril_completions", .counter, help: "Fibrils and calls that ended, by result.")
    for (figures, labels) in processes {
      for (name, count) in figures.results { writer.sample(labels.adding("result", name), count) }
    }
    counter("fibril_switches", "Switches from a fibril to another.") { $0.counts.switches }
    counter("fibril_blocks", "Times that a fibril or call blocked.") { $0.counts.blocks }
    counter("fibril_wakes", "Times that a blocked fibril or call was woken.") { $0.counts.wakes }
    counter("fibril_task_sleeps", "Times that a task had nothing to run and slept in the kernel.") {
      $0.counts.sleeps
    }
    writer.family(
      "fibril_task_busy_seconds", .counter, unit: "seconds",
      help: "Time in which tasks ran fibrils, summed over tasks.")
    for (figures, labels) in processes { writer.sample(labels, nanoseconds: figures.busyTime) }
    writer.family(
      "fibril_task_asleep_seconds", .counter, unit: "seconds",
      help: "Time in which tasks slept in the kernel, summed over tasks.")
    for (figures, labels) in processes { writer.sample(labels, nanoseconds: figures.sleepTime) }
  }

  /// What processes do at the moment: of those that have ended there is nothing to say.
  private mutating func writeStates() {
    let living = processes.filter { $0.figures.ending == nil }
    writer.family("fibril_tasks", .gauge, help: "Tasks: threads that host fibrils.")
    for (figures, labels) in living { writer.sample(labels, UInt64(figures.tasks.count)) }
    writer.family(
      "fibril_busiest_task_ratio", .gauge, unit: "ratio",
      help: "Of the last seconds, the share that the busiest task was busy.")
    for (figures, labels) in living { writer.sample(labels, ratio: figures.tasks.map(\.load).max() ?? 0) }
    writer.family("fibril_live_fibrils", .gauge, help: "Fibrils, and submitted calls that are pending, by state.")
    for (figures, labels) in living {
      let states = figures.living
      let counts = [
        ("runnable", states.runnable), ("running", states.running), ("blocked", states.blocked),
        ("pending", states.pendingCalls), ("unknown", states.unknown),
      ]
      for (state, count) in counts { writer.sample(labels.adding("state", state), count) }
    }
    writer.family("fibril_blocked_fibrils", .gauge, help: "Blocked fibrils, by reason.")
    for (figures, labels) in living {
      for (reason, count, _) in figures.living.reasons { writer.sample(labels.adding("reason", reason), count) }
    }
    writer.family(
      "fibril_oldest_blocked_seconds", .gauge, unit: "seconds",
      help: "For how long the first of the blocked fibrils has been so, by reason.")
    for (figures, labels) in living {
      for (reason, _, oldest) in figures.living.reasons {
        writer.sample(labels.adding("reason", reason), nanoseconds: oldest)
      }
    }
    writer.family(
      "fibril_oldest_runnable_seconds", .gauge, unit: "seconds",
      help: "For how long the first of the runnable fibrils has waited for its turn.")
    for (figures, labels) in living { writer.sample(labels, nanoseconds: figures.living.oldestRunnable) }
  }

  private mutating func writeHistograms() {
    func begin(_ name: StaticString, _ help: StaticString) {
      writer.family(name, .histogram, unit: "seconds", help: help)
    }
    begin("fibril_run_queue_wait_seconds", "From runnable to running.")
    for (figures, labels) in processes { writer.histogram(labels, figures.runQueueWait, ends: BucketEnd.fine) }
    begin("fibril_running_seconds", "From a switch to the next.")
    for (figures, labels) in processes { writer.histogram(labels, figures.running, ends: BucketEnd.fine) }
    begin("fibril_blocked_seconds", "From a block to the wake, by reason.")
    for (figures, labels) in processes {
      for (reason, latency) in figures.blocked {
        writer.histogram(labels.adding("reason", reason), latency, ends: BucketEnd.coarse)
      }
    }
    begin("fibril_call_blocked_seconds", "From a block for a system call to the wake, by call.")
    for (figures, labels) in processes {
      for (call, latency) in figures.calls {
        writer.histogram(labels.adding("call", call), latency, ends: BucketEnd.coarse)
      }
    }
    begin("fibril_lifetime_seconds", "From submit to teardown, of closures and of submitted calls.")
    for (figures, labels) in processes {
      writer.histogram(labels.adding("kind", "closure"), figures.closureLifetime, ends: BucketEnd.fine)
      writer.histogram(labels.adding("kind", "call"), figures.callLifetime, ends: BucketEnd.fine)
    }
    writer.family("fibril_process", .info, help: "The program of a process.")
    for (figures, labels) in processes {
      writer.sample(labels.adding("executable", figures.process.executable), 1)
    }
  }

  private mutating func writeExporter(_ figures: Figures, _ exporter: ExporterFigures, unlisted: Int) {
    let none = MetricLabels()
    func count(_ name: StaticString, _ value: UInt64, _ help: StaticString) {
      writer.family(name, .counter, help: help)
      writer.sample(none, value)
    }
    func gauge(_ name: StaticString, _ value: UInt64, unit: StaticString? = nil, _ help: StaticString) {
      writer.family(name, .gauge, unit: unit, help: help)
      writer.sample(none, value)
    }
    writer.family("fibril_build", .info, help: "The exporter.")
    writer.sample(none.adding("version", exporter.tracer.version), 1)
    gauge(
      "fibril_followed_processes", UInt64(figures.processes.count { $0.ending == nil }),
      "Processes that are traced now.")
    gauge("fibril_unlisted_processes", UInt64(unlisted), "Processes that there is no room for in this text.")
    count("fibril_ended_processes", figures.endedProcesses, "Processes that ended.")
    count(
      "fibril_forgotten_processes", figures.forgottenProcesses, "Ended processes whose figures are not shown any more.")
    count("fibril_tracer_events", figures.events, "Events of all processes that arrived.")
    count("fibril_tracer_records_lost", figures.lost, "Records of all processes that never arrived.")
    writer.family("fibril_http_requests", .counter, help: "Requests answered, by status.")
    for (code, count) in exporter.requests { writer.sample(none.adding("code", "\(code)"), count) }
    count(
      "fibril_http_refused_connections", exporter.refusedConnections, "Connections that there was no room for.")
    writer.family("process_cpu_seconds", .counter, unit: "seconds", help: "CPU time of the exporter.")
    writer.sample(none, nanoseconds: exporter.tracer.processorTime)
    gauge("process_resident_memory_bytes", exporter.tracer.residentBytes, unit: "bytes", "Memory of the exporter.")
    gauge("process_open_fds", exporter.openDescriptors, "Open file descriptors of the exporter.")
    gauge("process_max_fds", exporter.mostDescriptors, "File descriptors that the exporter may open.")
    writer.family(
      "process_start_time_seconds", .gauge, unit: "seconds", help: "When the exporter was started, since 1970.")
    writer.sample(none, nanoseconds: exporter.startTime)
  }
}
