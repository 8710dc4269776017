import Fibril
import Glibc

/// What each task does.
struct WorkPlan: Sendable {
  var fibrils: Int
  var blocks: Int
  var kind: Workload.Kind
  var park: Double?
  var depth: Int
  var deadlock: Bool

  /// Makes the calling thread a task, runs the plan on it, and returns the task's counts.
  func run() throws -> EventCounts {
    let task = try FibrilTask()
    let room = WaitingRoom(expected: fibrils)
    let work = try kind.makeWork(fibrils: fibrils, depth: depth, room)
    defer { work.close() }
    let cycle = deadlock ? try LockCycle(on: task) : nil
    for index in 0..<fibrils {
      try task.spawn(name: "worker-\(index)") {
        for _ in 0..<blocks { work.blockOnce(index) }
        if park != nil { parkInFunctions(deep: depth, room) }
      }
    }
    for _ in 0..<blocks { work.letGoOnce() }
    if let park {
      room.awaitAll()
      try Fibril.sleep(for: .seconds(park))
      room.wakeAll()
    }
    cycle?.breakUp()
    task.joinAll()
    return task.counts
  }
}

/// Where the fibrils of one task gather: the root waits until all have come.
final class WaitingRoom {
  private let expected: Int
  private var arrived = 0
  private var parked: [WakeTarget] = []
  private let root = WakeTarget.current

  init(expected: Int) { self.expected = expected }

  /// The caller is about to block, with no switch in between.
  func arrive() {
    arrived += 1
    if arrived == expected { root.wake() }
  }

  /// Blocks the root until every fibril has arrived once more.
  func awaitAll() {
    while arrived < expected { blockForGood() }
    arrived = 0
  }

  /// Blocks the caller until `wakeAll`.
  func park() {
    parked.append(WakeTarget.current)
    arrive()
    blockForGood()
  }

  func wakeAll() {
    for target in parked { target.wake() }
    parked = []
  }
}

/// Why the workload could not be set up.
struct WorkloadError: Error, CustomStringConvertible {
  var action: String
  var code: Int32

  var description: String { "cannot \(action): \(unsafe String(cString: strerror(code)))" }
}
