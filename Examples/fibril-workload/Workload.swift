import ArgumentParser
import Fibril
import Glibc

/// A program whose every fibril and event is known beforehand: the tracer's tests and demonstrations
/// compare what they saw with the exact counts that it prints.
@main
struct Workload: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "fibril-workload",
    abstract: "Runs fibrils that block an exact number of times and prints exact counts.",
    discussion: """
      Starts tasks on threads of their own; each submits fibrils, each of which blocks (or yields) so many \
      times. At the end one JSON line on standard output says how often each event has happened.

      EXAMPLES:
        fibril-workload --tasks 2 --fibrils 1000 --blocks 10
        fibril-workload --fibrils 50000 --blocks 0 --park 30 --depth 12
      """)

  enum Kind: String, ExpressibleByArgument, CaseIterable { case sleep, read, yield, mutex, channel, climb, spawn }

  @Option(help: "How many tasks, each on a thread.")
  var tasks = 1

  @Option(help: "How many fibrils each task submits; its root is not counted.")
  var fibrils = 1000

  @Option(help: "How often each fibril blocks; with --kind yield, how often it yields.")
  var blocks = 10

  @Option(
    help: """
      In what a fibril blocks: sleep (1 ms); read (of a pipe); yield, which does not block; mutex, of which there is \
      one a task; channel, from which each receives what the task's root sends; climb, which yields on top of 1 to \
      --depth named functions; spawn, which submits a fibril that yields, and waits for its end.
      """)
  var kind = Kind.sleep

  @Option(help: "Block once more, all fibrils together, for so many seconds.")
  var park: Double?

  @Option(help: "How many named functions deep a parked fibril's stack is, or a climbing one's at most (1 to 64).")
  var depth = 5

  @Flag(help: "Besides, in each task: three fibrils that wait in a cycle for three mutexes, until --park is over.")
  var deadlock = false

  @Option(help: "Wait up to so many seconds for a tracer before the tasks start.")
  var waitForTracer: Double?

  @Flag(help: "Write a dump of all fibrils to standard error at SIGQUIT, and go on.")
  var dumpOnQuit = false

  func validate() throws {
    guard (1...1024).contains(tasks) else { throw ValidationError("--tasks must be from 1 to 1024.") }
    guard (0...1_000_000).contains(fibrils) else { throw ValidationError("--fibrils must be from 0 to 1000000.") }
    guard (0...1_000_000_000).contains(blocks) else { throw ValidationError("--blocks must be 0 or more.") }
    guard (1...64).contains(depth) else { throw ValidationError("--depth must be from 1 to 64.") }
    guard !deadlock || park != nil else {
      throw ValidationError("--deadlock lasts as long as --park says: give both.")
    }
    for seconds in [park, waitForTracer].compactMap({ $0 }) where !(0...86_400).contains(seconds) {
      throw ValidationError("--park and --wait-for-tracer take 0 to 86400 seconds.")
    }
  }

  func run() throws {
    if dumpOnQuit { Fibril.dumpOnQuit(goesOn: true) }
    if let waitForTracer { waitForATracer(seconds: waitForTracer) }
    let plan = WorkPlan(fibrils: fibrils, blocks: blocks, kind: kind, park: park, depth: depth, deadlock: deadlock)
    let threads = try (0..<tasks).map { _ in try TaskThread(plan) }
    let counts = try threads.map { try $0.join() }
    let total = { (field: KeyPath<EventCounts, UInt64>) in counts.reduce(0) { $0 + $1[keyPath: field] } }
    print(
      """
      {"tasks":\(tasks),"fibrils":\(tasks * (fibrils + (deadlock ? 3 : 0))),"submits":\(total(\.submits)),"blocks":\(total(\.blocks)),\
      "wakes":\(total(\.wakes)),"switches":\(total(\.switches)),"sleeps":\(total(\.sleeps)),\
      "resumes":\(total(\.resumes)),"teardowns":\(total(\.teardowns))}
      """)
  }

  private func waitForATracer(seconds: Double) {
    for _ in 0..<Int(seconds * 1000) where !Fibril.isTraced { usleep(1000) }
  }
}
