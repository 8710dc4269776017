internal import ArgumentParser

struct Doctor: ParsableCommand {
  static let configuration = CommandConfiguration(abstract: "Doctor.")
}
