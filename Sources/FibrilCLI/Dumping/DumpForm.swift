// In which form a dump is shown, as the command line says it.
internal import ArgumentParser
internal import Dumping

struct DumpForm: ParsableArguments {
  @Flag(help: "Merge fibrils with equal stacks, the most frequent first.")
  var compact = false

  @Flag(help: "Only the table of states and reasons to wait, in all and by task.")
  var count = false

  @Flag(help: "One JSON document, as docs/dump.schema.json describes it.")
  var json = false

  @Flag(help: "Functions with their modules, types and return values.")
  var verbose = false

  @Option(
    name: .customShort("o"), help: ArgumentHelp("Write to this file instead of standard output.", valueName: "FILE"),
    completion: .file())
  var file: String?

  var format: DumpFormat { json ? .json : count ? .counts : compact ? .compact : .text }

  func validate() throws {
    let given = [("--compact", compact), ("--count", count), ("--json", json)].filter(\.1).map(\.0)
    if given.count > 1 {
      throw ValidationError("\(given.joined(separator: " and ")) are different forms of a dump: give one of them")
    }
    if count, verbose { throw ValidationError("--verbose does nothing for --count, which shows no functions") }
    if file?.isEmpty == true { throw ValidationError("-o needs the name of a file") }
  }

  func output() throws(OutputError) -> OutputFile {
    guard let file else { return .standard }
    return try OutputFile(path: file, option: "-o")
  }
}
