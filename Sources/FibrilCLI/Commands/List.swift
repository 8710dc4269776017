internal import ArgumentParser

struct List: ParsableCommand {
  static let configuration = CommandConfiguration(abstract: "List.")
}
