import ArgumentParser
import Fibril

/// A mutex that nobody else wants.
struct UncontendedMutex: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "uncontended-mutex", abstract: "Nanoseconds to lock and unlock, by one fibril.")

  @Option(help: "How often.")
  var count = 10_000_000

  func run() throws {
    let task = try FibrilTask()
    let mutex = FibrilMutex()
    let done = UnsafeMutablePointer<Int>.allocate(capacity: 1)
    defer { unsafe done.deallocate() }
    unsafe done.initialize(to: 0)
    let rounds = count
    try task.spawn {
      for _ in 0..<rounds {
        guard (try? mutex.lock()) != nil else { return }
        unsafe done.pointee += 1
        mutex.unlock()
      }
    }
    let time = nanoseconds(each: rounds) { task.joinAll() }
    let found = unsafe done.pointee
    guard found == rounds else { throw BenchmarkError("locked \(found) times of \(rounds)") }
    report(["ns": time])
  }
}
