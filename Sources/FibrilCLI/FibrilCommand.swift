internal import ArgumentParser

@main
struct FibrilCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "fibril",
    abstract: "Trace and dump programs made of many small stacks.",
    version: "0.1.0",
    subcommands: [Trace.self, Dump.self, List.self, Doctor.self])
}
