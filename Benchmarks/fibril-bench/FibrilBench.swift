import ArgumentParser

/// Our side of the benchmarks: each subcommand measures one thing once and prints it as one JSON line.
@main
struct FibrilBench: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "fibril-bench",
    abstract: "Measures the runtime; `make bench` puts the figures beside those of its peers.",
    subcommands: [
      Yield.self, Spawn.self, UncontendedMutex.self, SubmittedCalls.self, HelperCalls.self, CachedReads.self,
      PendingCalls.self, ParkedFibrils.self, RandomReads.self, EchoServer.self, TracedEvents.self,
    ])
}
