// `fibril export`: turns a recording into a format that other programs open.
internal import ArgumentParser
internal import Exporters
internal import Replay
internal import Timeline
internal import TraceEvents

struct Export: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Convert a .fbt file.",
    discussion: """
      FILE.fbt is what `fibril trace -o FILE.fbt` has written, here or elsewhere; - is standard input. The other \
      FILE's ending chooses the format, unless --format does: .json is Chrome trace JSON, which \
      https://ui.perfetto.dev and chrome://tracing open, .csv has one row an event, in the order of time. `-o -` \
      writes to standard output, Chrome trace JSON if nothing else is said. No rights are needed.

      A file whose end is missing, because the tracer was killed or the disk was full, is converted up to there: the \
      exit status is 0, and a message says so. In front of a damaged place it is converted too, but the exit status \
      is 1.

      EXAMPLES:
        fibril export trace.fbt -o trace.json
        fibril export trace.fbt -o events.csv
        fibril export trace.fbt -o - --format csv | grep ,wake, | wc -l
      """)

  @Argument(help: ArgumentHelp("The recording.", valueName: "FILE.fbt"))
  var recording: String

  @Option(name: .shortAndLong, help: ArgumentHelp("Write to this file.", valueName: "FILE"))
  var output: String

  @Option(help: ArgumentHelp("What to write, whatever the ending is.", valueName: "FORMAT"))
  var format: ExportFormat?

  func validate() throws {
    guard format == nil, output != "-", ExportFormat(ending: output) == nil else { return }
    throw ValidationError(
      "cannot tell the format of \(output): its name must end in .json or .csv, or --format must say it")
  }

  func run() throws {
    do {
      try export()
    } catch let error as FBTError {
      throw Diagnostics.failure(RecordingError(action: "export", recording: recording, cause: error))
    } catch let error as ExitCode {
      throw error
    } catch {
      throw Diagnostics.failure(error)
    }
  }

  private func export() throws {
    let input = try InputFile(path: recording)
    let reader = try FBTReader { (count) throws(FBTError) in try input.read(count) }
    if output != "-", input.isSame(as: output) {
      Diagnostics.say("cannot export \(recording) to itself; choose another file with -o")
      throw ExitCode.failure
    }
    let file = try OutputFile(path: output, option: "-o")
    try file.begin()
    switch format ?? ExportFormat(ending: output) ?? .chrome {
    case .chrome: try export(reader, input.name, into: ChromeExporter(start: nil) { try file.write($0) }, file)
    case .csv: try export(reader, input.name, into: CSVExporter { try file.write($0) }, file)
    }
  }

  private func export(
    _ reader: FBTReader, _ name: String, into exporter: some Exporter, _ file: OutputFile
  ) throws {
    var reader = reader
    let frames = FrameNames()
    var replay = Replay(into: exporter) { frames.text($0, isExact: $1, of: $2) }
    let ending = try reader.replay(into: &replay)
    try replay.finish(at: ending == .complete ? reader.end : nil)
    if !file.isStandardOutput {
      let (statistics, processes) = (replay.statistics, replay.results.count)
      Diagnostics.say(
        "wrote \(file.path): \(statistics.events) events, \(statistics.lost) lost, of \(processes) "
          + "process\(processes == 1 ? "" : "es")")
    }
    try ending.say(of: name, whatIsThereIs: "converted")
  }
}

/// What a recording can be converted to.
enum ExportFormat: String, CaseIterable, ExpressibleByArgument {
  case chrome
  case csv

  init?(ending path: String) {
    if path.hasSuffix(".json") {
      self = .chrome
    } else if path.hasSuffix(".csv") {
      self = .csv
    } else {
      return nil
    }
  }
}
