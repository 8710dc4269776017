// What every command says of itself fits a terminal, and changes only when somebody wants it to.
import Foundation
import GoldenFiles
import Testing

@Suite struct HelpTests {
  @Test(arguments: ["trace", "export", "stat", "serve", "dump", "list", "doctor"])
  func helpIsAsRecorded(command: String) throws {
    let run = try Run("fibril", [command, "--help"])
    #expect(run.status == 0 && run.errors == "")
    for line in run.output.split(separator: "\n") { #expect(line.count <= 80, "\(line)") }
    #expect(try GoldenFile("\(command)-help.txt", in: .module).difference(to: run.output) == nil)
  }
}
