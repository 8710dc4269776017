// The figures of a process as a table for people, 80 columns wide.
internal import Metrics
internal import Texts
internal import Timeline
internal import TraceEvents

struct StatTable {
  private let process: ProcessFigures
  private static let nameColumns = 20
  private static let numberColumns = 9

  init(_ process: ProcessFigures) {
    self.process = process
  }

  func append(to text: inout ByteText) {
    text.append("process ")
    text.append(decimal: UInt64(clamping: process.process.processID))
    text.append(" (")
    text.append(foreign: process.process.command)
    text.append("), ")
    text.append(own: fixed(process.duration))
    text.append(" s")
    switch process.ending {
    case .exited: text.append(", has ended")
    case .executed: text.append(", has become another program")
    case .traceEnded, nil: break
    }
    text.append("\n\n")
    appendCounts(to: &text)
    appendLiving(to: &text)
    appendLatencies(to: &text)
    text.append("\n")
  }

  // MARK: Counts

  private func appendCounts(to text: inout ByteText) {
    let counts = process.counts
    row("", ["count", "a second"], to: &text)
    let rows: [(String, UInt64)] = [
      ("submits", counts.submits), ("completions", counts.teardowns), ("switches", counts.switches),
      ("blocks", counts.blocks), ("wakes", counts.wakes), ("sleeps of tasks", counts.sleeps),
      ("events", process.events),
      ("lost records", process.lost),
    ]
    for (name, count) in rows { row(name, [short(count), short(rate: count, over: process.duration)], to: &text) }
    let failures = process.results.filter { $0.name != "ok" }
    if !failures.isEmpty {
      text.append("completions: ")
      text.append(own: list(process.results.map { "\($0.name) \(short($0.count))" }, width: 80 - 13))
      text.append("\n")
    }
    text.append("tasks ran fibrils for ")
    text.append(own: fixed(process.busyTime))
    text.append(" s: ")
    text.append(own: percent(process.busyTime, of: process.duration))
    text.append(" of one processor\n\n")
  }

  private func appendLiving(to text: inout ByteText) {
    let living = process.living
    let all = living.running + living.runnable + living.blocked + living.unknown
    guard all + living.pendingCalls > 0 else { return }
    text.append("now: ")
    let parts: [(String, UInt64)] = [
      ("running", living.running), ("runnable", living.runnable), ("blocked", living.blocked),
      ("unknown", living.unknown), ("calls pending", living.pendingCalls),
    ]
    text.append(
      own: parts.filter { $0.1 > 0 || $0.0 == "blocked" }.map { "\(short($0.1)) \($0.0)" }.joined(separator: ", "))
    text.append("\n")
    if !living.reasons.isEmpty {
      text.append("blocked: ")
      text.append(own: list(living.reasons.map { "\($0.reason) \(short($0.count))" }, width: 80 - 9))
      text.append("\n")
    }
    text.append("\n")
  }

  // MARK: Latencies

  private func appendLatencies(to text: inout ByteText) {
    var rows: [(String, LatencyFigures)] = [("run queue", process.runQueueWait), ("running", process.running)]
    rows += process.blocked.map { ("blocked: \($0.reason)", $0.latency) }
    rows += process.calls.map { ("  call \($0.call)", $0.latency) }
    rows += [("lifetime: fibrils", process.closureLifetime), ("lifetime: calls", process.callLifetime)]
    rows = rows.filter { $0.1.count > 0 }
    guard !rows.isEmpty else { return }
    row("", ["count", "p50", "p90", "p99", "max"], to: &text, tail: Sparkline.scale)
    for (name, latency) in rows {
      let cells = [short(latency.count)] + [latency.p50, latency.p90, latency.p99, latency.max].map(duration)
      row(name, cells, to: &text, tail: Sparkline.text(of: latency.buckets))
    }
  }

  /// A name of our own, then numbers to the right of their columns.
  private func row(_ name: String, _ cells: [String], to text: inout ByteText, tail: String = "") {
    let name = String(name.prefix(Self.nameColumns))
    text.append(own: name)
    text.append(own: String(repeating: " ", count: Self.nameColumns - name.count))
    for cell in cells {
      text.append(own: String(repeating: " ", count: max(1, Self.numberColumns - cell.count)) + cell)
    }
    let tail = tail.isEmpty ? "" : "  " + tail
    text.append(own: tail)
    text.append("\n")
  }

  /// As many words as fit, with commas between them.
  private func list(_ words: [String], width: Int) -> String {
    var line = ""
    for word in words {
      let next = line.isEmpty ? word : line + ", " + word
      if next.count > width - 5 { return line + ", ..." }
      line = next
    }
    return line
  }
}
