internal import ArgumentParser

struct Dump: ParsableCommand {
  static let configuration = CommandConfiguration(abstract: "Dump.")
}
