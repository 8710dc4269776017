import ArgumentParser
import Fibril

/// Fibrils that do nothing but give way to each other.
struct Yield: ParsableCommand {
  static let configuration = CommandConfiguration(abstract: "Nanoseconds a yield.")

  @Option(help: "How many fibrils.")
  var fibrils = 2

  @Option(help: "How many yields of all fibrils together.")
  var yields = 4_000_000

  @Flag(help: "Every other fibril yields from another place in the code, which the processor predicts less well.")
  var mixed = false

  func run() throws {
    let task = try FibrilTask()
    let each = yields / fibrils
    for index in 0..<fibrils {
      if !mixed || index % 2 == 0 {
        try task.spawn { for _ in 0..<each { Fibril.yield() } }
      } else {
        try task.spawn {
          var left = each
          repeat {
            Fibril.yield()
            left -= 1
          } while left > 0
        }
      }
    }
    let time = nanoseconds(each: each * fibrils) { task.joinAll() }
    let switches = task.counts.switches
    guard switches >= UInt64(each * fibrils) else { throw BenchmarkError("only \(switches) switches happened") }
    report(["ns": time])
  }
}
