import ArgumentParser
import Fibril
import Glibc

/// Two fibrils that make events for a tracer to record, with as much other work between them as is wanted.
struct TracedEvents: ParsableCommand {
  static let configuration = CommandConfiguration(abstract: "Nanoseconds a round of events, traced or not.")

  enum Kind: String, ExpressibleByArgument {
    /// A round is a yield: one event, a switch.
    case yield
    /// A round is a hand-over by wake and block: three events, of which one is a block.
    case handover
  }

  @Option(help: "What a round is: yield or handover.")
  var kind = Kind.yield

  @Option(help: "How many rounds of both fibrils together.")
  var rounds = 1_000_000

  @Option(help: "Steps of other work in each round.")
  var work = 0

  @Option(help: "Wait up to so many seconds for a tracer; without one the measurement fails.")
  var waitForTracer: Double?

  func run() throws {
    if let waitForTracer { try waitForATracer(seconds: waitForTracer) }
    let task = try FibrilTask()
    // What is touched for the first time here is not in the figure.
    try measure(on: task, rounds: rounds / 10)
    let before = task.counts.switches
    let start = processorTime()
    let time = try nanoseconds(each: rounds) { try measure(on: task, rounds: rounds) }
    let processor = Double(processorTime() - start) / Double(rounds)
    guard task.counts.switches - before >= UInt64(rounds) else {
      throw BenchmarkError("only \(task.counts.switches - before) of \(rounds) rounds were a switch")
    }
    report(["ns": time, "processor_ns": processor])
  }

  private func measure(on task: borrowing FibrilTask, rounds: Int) throws {
    let each = rounds / 2
    let work = self.work
    switch kind {
    case .yield:
      for _ in 0..<2 {
        try task.spawn {
          for _ in 0..<each {
            doWork(work)
            Fibril.yield()
          }
        }
      }
    case .handover:
      let pair = Pair()
      for index in 0..<2 {
        try task.spawn {
          pair.targets[index] = WakeTarget.current
          if index == 0 { block() }
          for _ in 0..<each {
            doWork(work)
            pair.targets[1 - index]?.wake()
            block()
          }
          pair.targets[1 - index]?.wake()
        }
      }
    }
    task.joinAll()
  }

  private func waitForATracer(seconds: Double) throws {
    for _ in 0..<Int(seconds * 1000) {
      if Fibril.isTraced {
        // The first site is up; the tracer has some more to do.
        usleep(300_000)
        return
      }
      usleep(1000)
    }
    throw BenchmarkError("no tracer came in \(seconds) s")
  }

  /// Nanoseconds that the calling thread has run.
  private func processorTime() -> UInt64 {
    var time = timespec()
    unsafe clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
    return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
  }
}

/// Who hands over to whom.
private final class Pair {
  var targets: [WakeTarget?] = [nil, nil]
}

private func block() {
  do {
    try Fibril.block()
  } catch {
    fatalError("a fibril that nobody cancels was interrupted: \(error)")
  }
}

/// Takes time in proportion to `steps`, in registers alone.
@inline(never)
private func doWork(_ steps: Int) {
  var value: UInt64 = 1
  for _ in 0..<steps { value = value &* 6_364_136_223_846_793_005 &+ 1 }
  if value == 0 { print(value) }
}
