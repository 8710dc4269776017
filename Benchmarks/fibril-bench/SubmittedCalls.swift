import ArgumentParser
import Fibril

/// Calls that do not block, submitted as vectors and collected: what submitting adds to the call.
struct SubmittedCalls: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "submitted-calls", abstract: "Nanoseconds a submitted getppid, in vectors.")

  @Option(help: "Calls in a vector.")
  var vector = 64

  @Option(help: "How many vectors.")
  var vectors = 10_000

  func run() throws {
    let (vector, vectors) = (vector, vectors)  // reading an option takes as long as a system call
    let task = try FibrilTask()
    defer { task.joinAll() }
    var calls = [SystemCall](repeating: SystemCall(.getppid), count: vector)
    var completions: [Completion] = []
    completions.reserveCapacity(vector)
    var cookies: UInt64 = 0
    let time = try nanoseconds(each: vector * vectors) {
      for round in 0..<vectors {
        for index in 0..<vector { calls[index].cookie = UInt64(round * vector + index) }
        try Asys.submit(calls)
        completions.removeAll(keepingCapacity: true)
        try Asys.awaitCompletions(minimum: vector, into: &completions)
        for completion in completions { cookies &+= completion.cookie }
      }
    }
    let count = UInt64(vector * vectors)
    guard cookies == count * (count - 1) / 2 else { throw BenchmarkError("completions were lost or came twice") }
    report(["ns": time])
  }
}
