import ArgumentParser
import Fibril

/// Very many fibrils that are all parked at the same time, each on a guarded stack of its own, and then
/// all go on.
struct ParkedFibrils: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "parked-fibrils", abstract: "Memory of a million parked fibrils.")

  @Option(help: "How many fibrils.")
  var fibrils = 1_000_000

  func run() throws {
    let task = try FibrilTask()
    let room = Room(capacity: fibrils)
    let spawning = try nanoseconds(each: fibrils) {
      for _ in 0..<fibrils { try task.spawn { room.park() } }
      while room.parked.count < fibrils { Fibril.yield() }
    }
    let resident = bytes(of: "VmRSS", in: "/proc/self/status")
    let pageTables = bytes(of: "VmPTE", in: "/proc/self/status")
    let resuming = nanoseconds(each: fibrils) {
      for target in room.parked { target.wake() }
      task.joinAll()
    }
    guard room.resumed == fibrils else { throw BenchmarkError("only \(room.resumed) fibrils went on") }
    report([
      "resident_bytes": resident, "page_table_bytes": pageTables, "spawn_ns": spawning, "resume_ns": resuming,
    ])
  }

  private final class Room {
    private(set) var parked: [WakeTarget] = []
    private(set) var resumed = 0

    init(capacity: Int) { parked.reserveCapacity(capacity) }

    func park() {
      parked.append(WakeTarget.current)
      if (try? Fibril.block()) != nil { resumed += 1 }
    }
  }
}
