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
    let pipe = kind == .read ? try Pipe() : nil
    let room = WaitingRoom(expected: fibrils)
    for index in 0..<fibrils {
      try task.spawn(name: "worker-\(index)") {
        blockingPart(pipe, room)
        if park != nil { parkInFunctions(deep: depth, room) }
      }
    }
    if let pipe {
      for _ in 0..<blocks {
        room.awaitAll()
        pipe.write(bytes: fibrils)
      }
    }
    if let park {
      room.awaitAll()
      Fibril.sleep(for: .seconds(park))
      room.wakeAll()
    }
    task.joinAll()
    return task.counts
  }

  private func blockingPart(_ pipe: Pipe?, _ room: WaitingRoom) {
    for _ in 0..<blocks {
      switch kind {
      case .sleep: Fibril.sleep(for: .milliseconds(1))
      case .yield: Fibril.yield()
      case .read:
        room.arrive()
        pipe!.readByte()
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
    while arrived < expected { Fibril.block() }
    arrived = 0
  }

  /// Blocks the caller until `wakeAll`.
  func park() {
    parked.append(WakeTarget.current)
    arrive()
    Fibril.block()
  }

  func wakeAll() {
    for target in parked { target.wake() }
    parked = []
  }
}

/// A pipe whose readers find it empty.
struct Pipe: Sendable {
  private let reading: Int32
  private let writing: Int32

  init() throws {
    var ends: [Int32] = [0, 0]
    guard unsafe pipe(&ends) == 0 else { throw WorkloadError(action: "make a pipe", code: errno) }
    (reading, writing) = (ends[0], ends[1])
  }

  func readByte() {
    var byte: UInt8 = 0
    _ = unsafe withUnsafeMutableBytes(of: &byte) { unsafe try? Asys.call(.read(reading, into: $0)) }
  }

  func write(bytes: Int) {
    let zeros = [UInt8](repeating: 0, count: min(bytes, 4096))
    var left = bytes
    while left > 0 {
      let count = min(left, zeros.count)
      _ = unsafe zeros.withUnsafeBytes {
        unsafe try? Asys.call(.write(writing, from: UnsafeRawBufferPointer(rebasing: $0.prefix(count))))
      }
      left -= count
    }
  }
}

/// Why the workload could not be set up.
struct WorkloadError: Error, CustomStringConvertible {
  var action: String
  var code: Int32

  var description: String { "cannot \(action): \(unsafe String(cString: strerror(code)))" }
}
