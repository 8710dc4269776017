// `fibril trace`: records what the fibrils of a process do.
internal import ArgumentParser
internal import BPFLoader
internal import Exporters
internal import Glibc
internal import TraceEvents

struct Trace: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Record what the fibrils of a process do.",
    usage: """
      fibril trace -p PID [-d DURATION] [-o FILE] [--summary FILE]
      fibril trace [-o FILE] [--summary FILE] -- COMMAND [ARGUMENT ...]
      """,
    discussion: """
      FILE's ending chooses the format: .json is Chrome trace JSON, which https://ui.perfetto.dev and \
      chrome://tracing open. `-o -` writes it to standard output. Without -o and --summary the trace \
      goes to trace.json.

      The trace ends with the process or when it executes another program, after DURATION, or with \
      Ctrl-C, and the file is complete however it ends. Ctrl-C is the normal end of a trace by PID without -d: the exit status is 0. \
      Where another end was asked for, it is 130. A command that outlives the trace goes on.

      Tracing needs root, or CAP_BPF, CAP_PERFMON and CAP_SYS_PTRACE.

      EXAMPLES:
        fibril trace -p 4711 -d 5s -o trace.json
        fibril trace -o trace.json --summary summary.json -- ./server --port 8080
        fibril trace -p 4711 -o - | gzip > trace.json.gz
      """)

  @Option(name: .shortAndLong, help: ArgumentHelp("Trace this process.", valueName: "PID"))
  var pid: Int32?

  @Option(name: .shortAndLong, help: ArgumentHelp("End after this time: 500ms, 5s, 2m, 1h.", valueName: "DURATION"))
  var duration: DurationArgument?

  @Option(name: .shortAndLong, help: ArgumentHelp("Write the trace to this file.", valueName: "FILE"))
  var output: String?

  @Option(help: ArgumentHelp("Write the trace's numbers to this file, as JSON.", valueName: "FILE"))
  var summary: String?

  @Option(
    help: ArgumentHelp(
      "Room for what the tracer has not read yet, 64KiB to 1GiB; a power of two. (default: 64MiB)", valueName: "SIZE"))
  var buffer: SizeArgument?

  @Argument(parsing: .postTerminator, help: ArgumentHelp("Run this command and trace it.", valueName: "COMMAND"))
  var command: [String] = []

  func validate() throws {
    guard (pid == nil) != command.isEmpty else {
      throw ValidationError("say what to trace: either -p PID or -- COMMAND")
    }
    if let pid, pid <= 0 { throw ValidationError("\(pid) is no process id") }
    if let output, output != "-", !output.hasSuffix(".json") {
      throw ValidationError("cannot tell the format of \(output): its name must end in .json or be -, standard output")
    }
    if output == "-", summary == "-" { throw ValidationError("-o and --summary cannot both go to standard output") }
    guard let buffer else { return }
    if !Self.ringSizes.contains(buffer.bytes) || buffer.bytes.nonzeroBitCount != 1 {
      throw ValidationError("--buffer must be a power of two from 64KiB to 1GiB, such as 256MiB")
    }
  }

  func run() throws {
    do {
      try trace()
    } catch let error as BPFError {
      throw Diagnostics.failure(error, status: error.kind == .lacking ? ExitStatus.machineLacks : .failure)
    } catch let error as ExitCode {
      throw error
    } catch {
      throw Diagnostics.failure(error)
    }
  }

  private static let ringSizes: ClosedRange<UInt64> = 64 << 10...1 << 30
  private var outputPath: String? { output ?? (summary == nil ? "trace.json" : nil) }

  private func trace() throws {
    let interrupts = Interrupts()
    let target =
      try pid.map { pid throws in try TraceTarget(processID: pid) }
      ?? TraceTarget(command: command, mask: interrupts.originalMask)
    // Opened before anything is attached, emptied only once that has worked.
    let file = try outputPath.map { path throws in try OutputFile(path: path, option: "-o") }
    let summaryFile = try summary.map { path throws in try OutputFile(path: path, option: "--summary") }
    var options = buffer.map { TraceSession.Options(ringBytes: Int($0.bytes)) } ?? TraceSession.Options()
    options.snapshot = { _ in target.snapshot() }
    let session = TraceSession(
      scope: target.held == nil ? .processes([target.processID]) : .command(target.processID, files: target.files),
      options: options)
    try session.attach()
    try file?.begin()
    try summaryFile?.begin()

    let start = ClockPair.now().nanoseconds
    let run = TraceRun(target: target, session: session, start: start, duration: duration?.nanoseconds)
    let names = NameSource()
    let result: TraceRun.Result
    if let file {
      let exporter = ChromeExporter(
        processID: target.processID, command: target.command, start: start, names: { names.name($0) },
        write: { try file.write($0) })
      result = try run.record(into: exporter, names: names, until: interrupts)
    } else {
      result = try run.record(into: NoOutput(), names: names, until: interrupts)
    }
    try summaryFile?.write(Array(result.summary.json.utf8))
    report(result, target, file)
    if result.ending == .interrupted, duration != nil || target.held != nil { throw ExitStatus.interrupted }
  }

  private func report(_ result: TraceRun.Result, _ target: TraceTarget, _ file: OutputFile?) {
    if let failure = target.held?.failure() { Diagnostics.say(failure) }
    switch result.ending {
    case .processReplaced:
      Diagnostics.say("process \(target.processID) has become another program, which is not traced")
    case .processEnded where target.held == nil:
      Diagnostics.say("process \(target.processID) has ended")
    case .processEnded, .timeOver, .interrupted: break
    }
    Diagnostics.say(result.summary.line)
    if result.summary.lost > 0 {
      Diagnostics.say("what the lost records would have told is shown as unknown; try a larger --buffer")
    }
    if !result.summary.endIsKnown {
      Diagnostics.say("\(target.command) ended before its buffers were read: its last events may be missing, uncounted")
    }
    if let file, !file.isStandardOutput { Diagnostics.say("wrote \(file.path)") }
  }
}
