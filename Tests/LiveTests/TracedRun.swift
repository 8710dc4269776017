// What a run's events come to, computed from its CSV by the plainest means: the truth that sums are held against.
import Foundation
import Testing

struct TracedRun {
  /// Rows by event.
  private(set) var counts: [String: UInt64] = [:]
  private var running: [UInt64] = []
  private var runQueueWait: [UInt64] = []
  private var lifetimes: [UInt64] = []
  private var blocked: [String: [UInt64]] = [:]
  private var switches: UInt64 = 0
  private var sleeps: UInt64 = 0

  /// A fibril's latest change.
  private struct Fibril {
    var state: String
    var since: UInt64
    var reason = ""
    var submitted: UInt64?
  }

  /// Columns as in docs/export.md. No name has a comma.
  init(csv: String) throws {
    var fibrils: [String: Fibril] = [:]
    for row in csv.split(separator: "\n").dropFirst() {
      let cells = row.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
      let time = try #require(UInt64(cells[12].isEmpty ? cells[0] : cells[12]))
      let (event, fibril, other, detail) = (cells[5], cells[6], cells[7], cells[9])
      counts[event, default: 0] += 1
      switch event {
      case "task_start": fibrils[fibril] = Fibril(state: "running", since: time)
      case "submit_closure": fibrils[fibril] = Fibril(state: "runnable", since: time, submitted: time)
      case "block":
        try leave(&fibrils[fibril], "running", at: time, into: &running)
        fibrils[fibril]?.state = "blocked"
        fibrils[fibril]?.reason = detail
      case "wake":
        try leave(&fibrils[fibril], "blocked", at: time, into: &blocked[fibrils[fibril]?.reason ?? "", default: []])
        fibrils[fibril]?.state = "runnable"
      case "switch":
        if other != "0", detail == "runnable", fibrils[other]?.state == "running" {
          try leave(&fibrils[other], "running", at: time, into: &running)
          fibrils[other]?.state = "runnable"
        }
        if detail == "dead" { try leave(&fibrils[other], "running", at: time, into: &running) }
        if fibril != "0" {
          try leave(&fibrils[fibril], "runnable", at: time, into: &runQueueWait)
          fibrils[fibril]?.state = "running"
        }
        if fibril != "0", other != "0" { switches += 1 }
        if fibril == "0" { sleeps += 1 }
      case "teardown":
        if let submitted = fibrils[fibril]?.submitted { lifetimes.append(time - submitted) }
      case "task_stop": try leave(&fibrils[fibril], "running", at: time, into: &running)
      case "lost": Issue.record("records were lost: \(row)")
      default: break
      }
    }
  }

  private func leave(
    _ fibril: inout Fibril?, _ state: String, at time: UInt64, into durations: inout [UInt64]
  ) throws {
    guard fibril?.state == state, let since = fibril?.since else { return }
    durations.append(time - min(time, since))
    fibril?.since = time
  }

  /// Holds the figures of one process, as JSON, against these: counts exactly, percentiles to 2 %.
  func expect(_ json: Data, _ name: String) throws {
    let object = try #require(JSONSerialization.jsonObject(with: json) as? [String: Any])
    let process = try #require((object["processes"] as? [[String: Any]])?.first)
    let counted = try #require(process["counts"] as? [String: UInt64])
    for (key, event) in [
      ("submits", "submit_closure"), ("completions", "teardown"), ("blocks", "block"), ("wakes", "wake"),
    ] {
      #expect(counted[key] == counts[event], "\(key) by \(name)")
    }
    #expect(counted["switches"] == switches, "\(name)")
    #expect(counted["sleeps"] == sleeps, "\(name)")
    #expect(counted["events"] == counts.values.reduce(0, +), "\(name)")
    #expect(counted["lost"] == 0, "\(name)")
    try expect(process["run_queue_wait"], runQueueWait, "run queue by \(name)")
    try expect(process["running"], running, "running by \(name)")
    try expect((process["lifetime"] as? [String: Any])?["closure"], lifetimes, "lifetime by \(name)")
    let reasons = try #require(process["blocked"] as? [String: Any])
    #expect(Set(reasons.keys) == Set(blocked.keys))
    for (reason, durations) in blocked { try expect(reasons[reason], durations, "\(reason) by \(name)") }
  }

  private func expect(_ latency: Any?, _ durations: [UInt64], _ name: String) throws {
    let latency = try #require(latency as? [String: Any])
    func number(_ key: String) -> UInt64? { latency[key] as? UInt64 }
    #expect(number("count") == UInt64(durations.count), "\(name)")
    let sorted = durations.sorted()
    for (key, part) in [("p50_ns", 0.5), ("p90_ns", 0.9), ("p99_ns", 0.99), ("p999_ns", 0.999), ("max_ns", 1)] {
      let exact = sorted[Int((part * Double(sorted.count)).rounded(.up)) - 1]
      let shown = try #require(number(key))
      // Each tracer converts the time stamp counter by pairs of its own, which are off by 65 ns at most.
      let error = UInt64(Double(exact) * 0.02) + 130
      #expect(shown + error >= exact && shown <= exact + error, "\(key) of \(name): \(shown), exactly \(exact)")
    }
    let buckets = try #require(latency["buckets"] as? [[UInt64]])
    #expect(buckets.reduce(0) { $0 + $1[1] } == UInt64(durations.count), "\(name)")
  }
}
