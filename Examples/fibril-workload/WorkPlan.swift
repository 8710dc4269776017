import Fibril
import Glibc

/// What each task does.
struct WorkPlan: Sendable {
  var fibrils: Int
  var blocks: Int
  var kind: Workload.Kind
  var park: Double?
  var depth: Int

  /// Makes the calling thread a task, runs the plan on it, and returns the task's counts.
  func run() throws -> EventCounts {
    let task = try FibrilTask()
    let signals = try (0..<(kind == .read ? fibrils : 0)).map { _ in try EventDescriptor() }
    defer { for signal in signals { signal.close() } }
    let room = WaitingRoom(expected: fibrils)
    for index in 0..<fibrils {
      try task.spawn(name: "worker-\(index)") {
        blockingPart(signals.isEmpty ? nil : signals[index], room)
        if park != nil { parkInFunctions(deep: depth, room) }
      }
    }
    for _ in 0..<(kind == .read ? blocks : 0) {
      room.awaitAll()
      for signal in signals { signal.raise() }
    }
    if let park {
      room.awaitAll()
      try? Fibril.sleep(for: .seconds(park))
      room.wakeAll()
    }
    task.joinAll()
    return task.counts
  }

  private func blockingPart(_ signal: EventDescriptor?, _ room: WaitingRoom) {
    for _ in 0..<blocks {
      switch kind {
      case .sleep: try? Fibril.sleep(for: .milliseconds(1))
      case .yield: Fibril.yield()
      case .read:
        room.arrive()
        signal!.read()
      }
    }
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
    while arrived < expected { try? Fibril.block() }
    arrived = 0
  }

  /// Blocks the caller until `wakeAll`.
  func park() {
    parked.append(WakeTarget.current)
    arrive()
    try? Fibril.block()
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
