// What the program that is traced says of its work, at its end.
import Foundation

struct ProgramReport {
  /// One JSON object.
  let text: String
  private let checksum: String?
  private let numbers: [String: UInt64]

  init(_ text: String) throws {
    guard let fields = try? JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any] else {
      throw SoakError(description: "the program ended without saying how it went: \"\(text)\"")
    }
    self.text = text
    checksum = fields["checksum"] as? String
    numbers = fields.compactMapValues { $0 as? UInt64 }
  }

  /// What differs from a run without a tracer; none if all is well.
  func problems(comparedWith other: ProgramReport) -> [String] {
    var problems: [String] = []
    if checksum == nil || checksum != other.checksum {
      problems.append("the checksum is \(checksum ?? "missing"), and \(other.checksum ?? "missing") untraced")
    }
    for name in ["wrong", "changed_registers"] where numbers[name] != 0 {
      problems.append("\(name): \(numbers[name].map(String.init) ?? "missing")")
    }
    return problems
  }
}
