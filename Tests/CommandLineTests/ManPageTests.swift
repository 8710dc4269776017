// The man page in docs/ is written by `make man`; this notices when somebody forgot.
import Foundation
import Testing

@Suite struct ManPageTests {
  private let page = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent().appending(path: "docs/fibril.1")

  @Test(arguments: ["", "trace", "export", "stat", "serve", "dump", "list", "doctor"])
  func everyLineOfHelpStandsInTheManPage(command: String) throws {
    let text = try String(contentsOf: page, encoding: .utf8)
    let help = try Run("fibril", (command.isEmpty ? [] : [command]) + ["--help"]).output
    let options = help.split(separator: "\n").filter { $0.hasPrefix("  -") }
      .compactMap { $0.firstMatch(of: /--([a-z][a-z-]+)/) }.map { String($0.1) }
    #expect(!options.isEmpty)
    // In the page's source an option is `Fl -name`, or `Fl n , -name`.
    for option in Set(options) { #expect(text.contains(" -\(option)"), "--\(option)") }
    // The examples and explanations, word for word: help is indented and folded, the page is not.
    let words = { (text: String) in text.split(whereSeparator: \.isWhitespace).joined(separator: " ") }
    let examples = help.split(separator: "\n").filter { $0.hasPrefix("  fibril ") }.map { words(String($0)) }
    #expect(!examples.isEmpty)
    for example in examples { #expect(words(text).contains(example), "\(example)") }
  }
}
