// Golden files: what is expected to be written, to the byte. FIBRIL_RECORD_GOLDEN=1 records them anew, into the source.
public import Foundation

/// A file in the folder `Golden` of a test target.
public struct GoldenFile {
  private let recorded: URL?
  private let source: URL

  /// `bundle` is the test target's own, `testFile` a file that lies beside the folder.
  public init(_ name: String, in bundle: Bundle, testFile: String = #filePath) {
    recorded = bundle.resourceURL?.appending(path: "Golden/\(name)")
    source = URL(filePath: testFile).deletingLastPathComponent().appending(path: "Golden/\(name)")
  }

  /// How a text differs from the file; nil: not at all, or the file was recorded anew.
  public func difference(to text: String) throws -> String? {
    if ProcessInfo.processInfo.environment["FIBRIL_RECORD_GOLDEN"] == "1" {
      try text.write(to: source, atomically: true, encoding: .utf8)
      return nil
    }
    guard let recorded else { return "there is no folder of golden files" }
    let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
    let expected = try String(contentsOf: recorded, encoding: .utf8).split(
      separator: "\n", omittingEmptySubsequences: false)
    for (number, (line, other)) in zip(lines, expected).enumerated() where line != other {
      return "line \(number + 1) is \(line), expected \(other)"
    }
    return lines.count == expected.count ? nil : "there are \(lines.count) lines, expected \(expected.count)"
  }
}
