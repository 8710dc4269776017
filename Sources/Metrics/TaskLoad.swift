// How busy each task has been in the last seconds.
internal import Timeline

/// Remembers how long each task had run and slept by two moments of the last ten seconds.
struct TaskLoad {
  private var older: Moment
  private var newer: Moment

  private struct Moment {
    var time: UInt64
    var tasks: [UInt64: Sums.TaskTime] = [:]
  }

  private static let interval: UInt64 = 5_000_000_000

  /// From the time when nothing had run yet, CLOCK_MONOTONIC in ns.
  init(from time: UInt64) {
    older = Moment(time: time)
    newer = older
  }

  func isDue(at time: UInt64) -> Bool { time > newer.time && time - newer.time >= Self.interval }

  mutating func note(_ tasks: [UInt64: Sums.TaskTime], at time: UInt64) {
    older = newer
    newer = Moment(time: time, tasks: tasks)
  }

  /// How much of the last five to ten seconds, or of its life if that is shorter, a task was busy, from 0 to 1. What it
  /// did while records were lost is not known, and does not count. It has spent `spent` by now.
  func of(_ task: UInt64, _ spent: Sums.TaskTime) -> Double {
    let before = older.tasks[task] ?? Sums.TaskTime()
    // A loss may take back what seemed so.
    let busy = spent.busy - min(spent.busy, before.busy)
    let asleep = spent.asleep - min(spent.asleep, before.asleep)
    let known = Double(busy) + Double(asleep)
    return known > 0 ? Double(busy) / known : 0
  }
}
