// What a fibril of `fibril-workload --kind climb` may look like, at any moment.
import Foundation

enum ClimbChecks {
  /// What is wrong with one fibril of a dump; nil: it may be so. A parked worker stands on the summit of as
  /// many steps as its number says. One that runs may be anywhere on the way up or down.
  static func problem(of fibril: DumpedFibril, depth: Int) -> String? {
    guard let name = fibril.name, name.hasPrefix("worker-"), let number = Int(name.dropFirst("worker-".count)) else {
      return fibril.name == "root" ? nil : "an unknown name: \(fibril.line)"
    }
    let expected = StopTests.climbed(1 + number % depth)
    let seen = fibril.functions.filter { $0 == "summit" || $0.hasPrefix("step") }
    if fibril.line.contains("running fibril") {
      return expected.suffix(seen.count) == seen[...] ? nil : "\(fibril.line) runs in \(seen)"
    }
    // Before its first switch it stands at the beginning, and after its last one at the end, of its body.
    if fibril.notes.contains("(has not run yet)") || fibril.line.contains("ended") { return nil }
    if fibril.line.contains("changed while read") { return fibril.frames.isEmpty ? nil : "a stack that changed" }
    return seen == expected && fibril.functions.last == "fibril_context_start" && fibril.notes.isEmpty
      ? nil : "\(fibril.line) is parked in \(fibril.functions), \(fibril.notes)"
  }
}
