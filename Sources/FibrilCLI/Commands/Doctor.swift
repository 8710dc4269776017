// `fibril doctor`: what this machine allows, and what to do about the rest.
internal import ArgumentParser
internal import Dumping
internal import Glibc
internal import Texts

struct Doctor: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Say what this machine allows, and what to do about the rest.",
    discussion: """
      Everything is tried, as the user who asks. The exit status is 0 if tracing and dumping work, and \
      77 if one of them does not; what is only faster or more complete does not count.

      EXAMPLES:
        fibril doctor
        fibril doctor && fibril trace -p 4711 -d 5s
        sudo fibril doctor
      """)

  func run() throws {
    let findings = Machine.findings()
    var text = ByteText()
    for finding in findings { Self.append(finding, to: &text) }
    let tracing = findings.allSatisfy { $0.isThere || $0.need != .tracing }
    let dumping = findings.allSatisfy { $0.isThere || $0.need != .dumping }
    text.append(own: "tracing \(tracing ? "works" : "does not work"), dumping \(dumping ? "works" : "does not work")\n")
    do {
      try OutputFile.standard.write(text.bytes)
    } catch  where error.errno == EPIPE {
      // Whoever read it has seen enough.
    } catch {
      throw Diagnostics.failure(error)
    }
    if !tracing || !dumping { throw ExitStatus.machineLacks }
  }

  private static func append(_ finding: Finding, to text: inout ByteText) {
    text.append(finding.isThere ? "ok       " : "missing  ")
    let start = text.bytes.count
    text.append(own: finding.name)
    text.pad(from: start, to: 16)
    text.append(foreign: finding.detail)
    if !finding.isThere {
      if finding.need == .optional || finding.need == .runtime { text.append(" (not needed)") }
      text.append(": ")
      text.append(own: finding.remedy)
    }
    text.append("\n")
  }
}
