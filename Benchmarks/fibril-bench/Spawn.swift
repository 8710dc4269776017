import ArgumentParser
import Fibril

/// One fibril after the other, each awaited, on stacks that are used again.
struct Spawn: ParsableCommand {
  static let configuration = CommandConfiguration(abstract: "Nanoseconds to spawn, run and join a fibril.")

  @Option(help: "How many fibrils, one after the other.")
  var count = 500_000

  @Flag(help: "Spawn a closure that captures a pointer and a number.")
  var captures = false

  func run() throws {
    if captures { try capturing() } else { try bare() }
  }

  private func capturing() throws {
    let task = try FibrilTask()
    let sum = UnsafeMutablePointer<Int>.allocate(capacity: 1)
    defer { unsafe sum.deallocate() }
    unsafe sum.initialize(to: 0)
    let time = try nanoseconds(each: count) {
      for index in 0..<count {
        try task.spawn { unsafe sum.pointee += index }.join()
      }
    }
    let found = unsafe sum.pointee
    guard found == count * (count - 1) / 2 else { throw BenchmarkError("the fibrils added up to \(found)") }
    report(["ns": time])
  }

  private func bare() throws {
    let task = try FibrilTask()
    let time = try nanoseconds(each: count) {
      for _ in 0..<count {
        try task.spawn { unsafe ran += 1 }.join()
      }
    }
    let found = unsafe ran
    guard found == count else { throw BenchmarkError("\(found) fibrils ran of \(count)") }
    report(["ns": time])
  }
}

/// How many fibrils have run. A closure that captures nothing can only tell by a global.
nonisolated(unsafe) private var ran = 0
