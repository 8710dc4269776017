// Golden files: what the dump is expected to write, to the byte. FIBRIL_RECORD_GOLDEN=1 records them anew.

import Foundation
import Testing

enum Golden {
  static func expect(_ text: String, is name: String, location: SourceLocation = #_sourceLocation) throws {
    if ProcessInfo.processInfo.environment["FIBRIL_RECORD_GOLDEN"] == "1" {
      let source = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "Golden/\(name)")
      try text.write(to: source, atomically: true, encoding: .utf8)
      return
    }
    let file = try #require(Bundle.module.resourceURL).appending(path: "Golden/\(name)")
    let golden = try String(contentsOf: file, encoding: .utf8)
    let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
    let expected = golden.split(separator: "\n", omittingEmptySubsequences: false)
    for (number, (line, other)) in zip(lines, expected).enumerated() where line != other {
      Issue.record("line \(number + 1) is \(line), expected \(other)", sourceLocation: location)
      return
    }
    #expect(lines.count == expected.count, sourceLocation: location)
  }
}
