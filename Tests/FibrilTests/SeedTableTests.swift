import Foundation
import Testing

/// The table in docs/seed.md names tests that show its promises: they must be there.
@Suite struct SeedTableTests {
  private let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent()

  /// The functions of each suite, by its file's name.
  private func suites() throws -> [String: Set<String>] {
    var suites: [String: Set<String>] = [:]
    let files = try #require(
      FileManager.default.enumerator(at: root.appending(path: "Tests"), includingPropertiesForKeys: nil))
    for case let file as URL in files where file.pathExtension == "swift" {
      let text = try String(contentsOf: file, encoding: .utf8)
      let names = text.matches(of: /func (\w+)/).map { String($0.1) }
      suites[file.deletingPathExtension().lastPathComponent] = Set(names)
    }
    return suites
  }

  @Test func everyTestItNamesIsThere() throws {
    let suites = try suites()
    let table = try String(contentsOf: root.appending(path: "docs/seed.md"), encoding: .utf8)
    var named = 0
    for row in table.split(separator: "\n") where row.hasPrefix("|") {
      let shownBy = row.split(separator: "|").last ?? ""
      var suite: String?
      for word in shownBy.matches(of: /(\w+Tests)\b|`(\w+)`/) {
        if let name = word.1.map(String.init) {
          suite = name
          #expect(suites[name] != nil, "docs/seed.md names \(name)")
        } else if let suite, let test = word.2.map(String.init) {
          named += 1
          #expect(suites[suite]?.contains(test) == true, "docs/seed.md names \(suite) \(test)")
        }
      }
    }
    #expect(named > 20)
  }
}
