// How busy each task has been in the last seconds.

/// Remembers how long each task had run by two moments of the last ten seconds.
struct TaskLoad {
  private var older: Moment
  private var newer: Moment

  private struct Moment {
    var time: UInt64
    /// By task, in ns.
    var busy: [UInt64: UInt64] = [:]
  }

  private static let interval: UInt64 = 5_000_000_000

  /// From the time when nothing had run yet, CLOCK_MONOTONIC in ns.
  init(from time: UInt64) {
    older = Moment(time: time)
    newer = older
  }

  func isDue(at time: UInt64) -> Bool { time > newer.time && time - newer.time >= Self.interval }

  mutating func note(_ busy: [UInt64: UInt64], at time: UInt64) {
    older = newer
    newer = Moment(time: time, busy: busy)
  }

  /// The share of the last five to ten seconds, or of its life if that is shorter, that a task was busy, from 0 to 1.
  /// Of its life it spent `busy` and `asleep`, in ns.
  func of(_ task: UInt64, busy: UInt64, asleep: UInt64, at time: UInt64) -> Double {
    let life = Double(busy) + Double(asleep)
    guard let before = older.busy[task] else { return life > 0 ? Double(busy) / life : 0 }
    guard time > older.time, busy > before else { return 0 }
    return min(1, Double(busy - before) / Double(time - older.time))
  }
}
