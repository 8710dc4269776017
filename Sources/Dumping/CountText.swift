// The dump as two tables: how many fibrils do what, and how they spread over the tasks.
internal import TraceEvents
internal import Texts

/// Renders the counts of one process's dump.
struct CountText {
  let fibrils: FibrilText
  private var dump: ProcessDump { fibrils.dump }

  func append(_ chosen: [Int], to text: inout ByteText) {
    DumpHeader(fibrils: fibrils).append(shown: chosen.count, withStacks: false, to: &text)
    let snapshots = chosen.map { dump.fibrils[$0].snapshot }
    guard !snapshots.isEmpty else { return }
    text.append("\n")
    kinds(of: snapshots).append(to: &text)
    text.append("\n")
    tasks(of: snapshots).append(to: &text)
  }

  /// A line for each state and reason, the most frequent first.
  private func kinds(of snapshots: [FibrilSnapshot]) -> TextTable {
    var kinds: [WaitKind: (count: Int, oldest: UInt64?)] = [:]
    for snapshot in snapshots {
      var entry = kinds[WaitKind(snapshot)] ?? (0, nil)
      entry.count += 1
      if let age = dump.age(of: snapshot) { entry.oldest = max(age, entry.oldest ?? 0) }
      kinds[WaitKind(snapshot)] = entry
    }
    var table = TextTable(["fibrils", "oldest", "state", "waits for"], textColumns: [2, 3])
    let words = kinds.map { kind, entry in
      (count: entry.count, oldest: entry.oldest, state: WaitKind.word(of: kind.state), wait: kind.waitWord)
    }
    for row in words.sorted(by: { ($1.count, $0.state, $0.wait) < ($0.count, $1.state, $1.wait) }) {
      table.add([Self.number(row.count), row.oldest.map(Self.seconds) ?? "-", row.state, row.wait])
    }
    return table
  }

  /// A line for each task and one for all: a column for each state, and for each reason there is.
  private func tasks(of snapshots: [FibrilSnapshot]) -> TextTable {
    var counts: [UInt64: [String: Int]] = [:]
    var columns: Set<String> = []
    for snapshot in snapshots {
      let column = Self.column(of: snapshot)
      counts[snapshot.task, default: [:]][column, default: 0] += 1
      columns.insert(column)
    }
    let present = Self.columns.filter { columns.contains($0) } + columns.subtracting(Self.columns).sorted()
    var table = TextTable(["task", "tid", "fibrils"] + present)
    var total: [String: Int] = [:]
    for (task, own) in counts.sorted(by: { $0.key < $1.key }) {
      total.merge(own, uniquingKeysWith: +)
      table.add(["\(task)", "\(fibrils.threadID(ofTask: task))"] + Self.numbers(own, present))
    }
    table.add(["all", ""] + Self.numbers(total, present))
    return table
  }

  private static func numbers(_ counts: [String: Int], _ columns: [String]) -> [String] {
    ([counts.values.reduce(0, +)] + columns.map { counts[$0] ?? 0 }).map(number)
  }

  /// All that are usual, in their order.
  private static let columns =
    ["running", "runnable", "call", "pending"]
    + [.wakeTarget, .join, .completions, .sleep, .mutex, .semaphore, .condition, .send, .receive].map {
      WaitKind.word(of: $0)
    } + ["dead"]

  private static func column(of fibril: FibrilSnapshot) -> String {
    guard fibril.state == .blocked else { return WaitKind.word(of: fibril.state) }
    return fibril.isCall ? "pending" : WaitKind.word(of: fibril.reason)
  }

  private static func number(_ value: Int) -> String {
    var text = ByteText()
    text.append(count: value)
    return String(decoding: text.bytes, as: UTF8.self)
  }

  private static func seconds(_ nanoseconds: UInt64) -> String {
    var text = ByteText()
    text.append(seconds: nanoseconds)
    return String(decoding: text.bytes, as: UTF8.self)
  }
}
