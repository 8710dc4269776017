internal import ArgumentParser

struct Trace: ParsableCommand {
  static let configuration = CommandConfiguration(abstract: "Trace.")
}
