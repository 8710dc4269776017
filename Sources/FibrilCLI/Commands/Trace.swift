// `fibril trace`: records what the fibrils of processes do.
internal import ArgumentParser
internal import BPFLoader
internal import Exporters
internal import FlightRecorder
internal import Glibc
internal import Replay
internal import TraceEvents

struct Trace: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Record what the fibrils of processes do.",
    usage: """
      fibril trace -p PID [-p PID ...] [--follow] [-d DURATION] [-o FILE]
      fibril trace -a [-d DURATION] [-o FILE]
      fibril trace [--follow] [-d DURATION] [-o FILE] -- COMMAND [ARGUMENT ...]
      fibril trace -p PID --keep 30s [--on CONDITION ...] -o FILE.fbt
      """,
    discussion: """
      FILE's ending chooses the format: .fbt is the recording itself, which `fibril export` converts later, elsewhere, \
      without root; .json is Chrome trace JSON, which https://ui.perfetto.dev and chrome://tracing open. `-o -` writes \
      JSON to standard output. Without -o and --summary the trace goes to trace.json.

      The trace ends with its processes, after DURATION, or with Ctrl-C, and the file is complete however it ends. \
      Ctrl-C is the normal end of a trace by PID without -d: the exit status is 0. Where another end was asked for, it \
      is 130. A command that outlives the trace goes on.

      With --keep it is a flight recorder: only the last stretch is held, in memory, and written at the end of the \
      trace, on SIGUSR1 (into FILE, then FILE with .2, .3, ... before its ending), and when a CONDITION comes true, \
      which ends the trace. Conditions are runq>5ms (a fibril could run and waits for its turn), hog>25ms (one runs and \
      lets no other run), blocked>1s (one waits), and blocked:mutex>1s (one waits for that reason).

      Tracing needs root, or CAP_BPF, CAP_PERFMON and CAP_SYS_PTRACE. docs/tracing.md says what it costs, and \
      what it may lose.

      EXAMPLES:
        fibril trace -p 4711 -d 5s -o trace.json
        fibril trace -o trace.fbt --summary summary.json -- ./server --port 8080
        fibril trace -p 4711 -o - | gzip > trace.json.gz
        fibril trace -p 4711 --keep 30s --on 'blocked:mutex>1s' -o late.fbt
      """)

  @Option(name: .shortAndLong, help: ArgumentHelp("Trace this process; may be given often.", valueName: "PID"))
  var pid: [Int32] = []

  @Flag(name: .shortAndLong, help: "Trace every process that has the probes, also those that start later.")
  var all = false

  @Flag(help: "Trace also the children that the processes fork, and what they execute.")
  var follow = false

  @Option(name: .shortAndLong, help: ArgumentHelp("End after this time: 500ms, 5s, 2m, 1h.", valueName: "DURATION"))
  var duration: DurationArgument?

  @Option(name: .shortAndLong, help: ArgumentHelp("Write the trace to this file.", valueName: "FILE"))
  var output: String?

  @Option(help: ArgumentHelp("Write the trace's numbers to this file, as JSON.", valueName: "FILE"))
  var summary: String?

  @Option(
    help: ArgumentHelp(
      "batch: records in lots, tens of nanoseconds an event. precise: a trap an event, about a microsecond.",
      valueName: "MODE"))
  var mode = TraceMode.batch

  @Flag(help: "With --mode precise: record where each fibril blocks.")
  var stacks = false

  @Option(
    help: ArgumentHelp("Hold only the last stretch, 30s or 64MiB, and write it when it is wanted.", valueName: "KEPT"))
  var keep: KeepArgument?

  @Option(help: ArgumentHelp("With --keep: end when this comes true, \(TriggerArgument.help).", valueName: "CONDITION"))
  var on: [TriggerArgument] = []

  @Flag(help: "Compress a .fbt file with zlib.")
  var compress = false

  @Option(
    help: ArgumentHelp(
      "Room for what the tracer has not read yet, 64KiB to 1GiB; a power of two. (default: 64MiB)", valueName: "SIZE"))
  var buffer: SizeArgument?

  @Option(name: .customLong("task"), help: ArgumentHelp("With --mode precise: only this task.", valueName: "ID"))
  var onlyTask: UInt64?

  @Option(name: .customLong("fibril"), help: ArgumentHelp("With --mode precise: only this fibril.", valueName: "ID"))
  var onlyFibril: UInt64?

  @Option(
    help: ArgumentHelp(
      "With --mode precise: only these, with commas between: \(EventKinds.all).", valueName: "KINDS"))
  var events: EventKinds?

  @Option(
    help: ArgumentHelp(
      "With --mode precise: only blocks for these reasons, with commas between: \(BlockReasons.all).",
      valueName: "REASONS"))
  var reasons: BlockReasons?

  @Argument(parsing: .postTerminator, help: ArgumentHelp("Run this command and trace it.", valueName: "COMMAND"))
  var command: [String] = []

  func validate() throws {
    guard [!pid.isEmpty, all, !command.isEmpty].count(where: { $0 }) == 1 else {
      throw ValidationError("say what to trace: one of -p PID, -a, and -- COMMAND")
    }
    if let wrong = pid.first(where: { $0 <= 0 }) { throw ValidationError("\(wrong) is no process id") }
    if let output, output != "-", !output.hasSuffix(".json"), !output.hasSuffix(".fbt") {
      throw ValidationError(
        "cannot tell the format of \(output): its name must end in .fbt or .json, or be -, standard output")
    }
    if let summary, summary == outputPath {
      throw ValidationError(
        "-o and --summary cannot both go to \(summary == "-" ? "standard output" : "\(summary); name another file")")
    }
    try buffer?.validateAsRing()
    if mode == .precise, all || follow || pid.count > 1 {
      throw ValidationError("--mode precise traces one process: neither -a nor --follow nor a second -p")
    }
    if mode != .precise, stacks || onlyTask != nil || onlyFibril != nil || events != nil || reasons != nil {
      throw ValidationError("--stacks, --task, --fibril, --events and --reasons need --mode precise")
    }
    if keep != nil, let output, !output.hasSuffix(".fbt") {
      throw ValidationError("--keep writes a recording: -o must name a file that ends in .fbt")
    }
    if keep == nil, !on.isEmpty { throw ValidationError("--on needs --keep, which says how much to write then") }
    if compress, outputPath?.hasSuffix(".fbt") != true {
      throw ValidationError("--compress is for a file that ends in .fbt")
    }
  }

  func run() throws {
    try Tracing.run { try trace() }
  }

  private var outputPath: String? { output ?? (keep != nil ? "trace.fbt" : summary == nil ? "trace.json" : nil) }

  private func trace() throws {
    let interrupts = Interrupts(alsoUser: keep != nil)
    let target =
      try all
      ? TraceTarget.all
      : command.isEmpty
        ? .processes(pid)
        : .command(
          command, mask: interrupts.originalMask, mayLackProbes: follow, for: mode == .batch ? .batches : .events)
    // Opened before anything is attached, emptied only once that has worked.
    let file = try outputPath.map { path throws in try OutputFile(path: path, option: "-o") }
    let summaryFile = try summary.map { path throws in try OutputFile(path: path, option: "--summary") }
    switch mode {
    case .batch:
      let source = target.batchSource(ringBytes: buffer.map { Int($0.bytes) }, follow: follow)
      try trace(source, target, file, summaryFile, interrupts)
    case .precise: try trace(target.preciseSource(preciseOptions), target, file, summaryFile, interrupts)
    }
  }

  private var preciseOptions: PreciseSession.Options {
    var options = PreciseSession.Options(stacks: stacks)
    if let buffer { options.ringBytes = Int(buffer.bytes) }
    options.filter = PreciseSession.Filter(
      task: onlyTask, fibril: onlyFibril, kinds: events?.kinds, reasons: reasons?.reasons)
    return options
  }

  private func trace(
    _ source: some TraceSource, _ target: TraceTarget, _ file: OutputFile?, _ summaryFile: OutputFile?,
    _ interrupts: borrowing Interrupts
  ) throws {
    try source.attach()
    if keep == nil { try file?.begin() }
    try summaryFile?.begin()
    let run = TraceRun(held: target.held, start: source.start, duration: duration?.nanoseconds)
    let result = try record(run, source, file, interrupts)
    try summaryFile?.write(Array(result.summary.json.utf8))
    report(result, source, target, file)
    if result.ending == .interrupted, duration != nil || target.held != nil || !on.isEmpty {
      throw ExitStatus.interrupted
    }
  }

  /// Chooses the output.
  private func record(
    _ run: TraceRun, _ source: some TraceSource, _ file: OutputFile?, _ interrupts: borrowing Interrupts
  ) throws -> TraceRun.Result {
    let options = FBTWriter.Options(recordsLevel: compress ? 1 : 0)
    guard let file, let path = outputPath else {
      var numbers = FBTWriter { _ in }
      return try run.record(source, into: &numbers, until: interrupts)
    }
    if let keep {
      var recorder = FlightOutput(
        capacity: keep.capacity, triggers: on.map(\.trigger), file: file, path: path, options: options)
      return try run.record(source, into: &recorder, until: interrupts)
    }
    if path.hasSuffix(".fbt") {
      var writer = try FBTWriter(header: .here, options: options) { try file.write($0) }
      return try run.record(source, into: &writer, until: interrupts)
    }
    let frames = FrameNames()
    var replay = Replay(into: ChromeExporter(start: run.start) { try file.write($0) }) {
      frames.text($0, isExact: $1, of: $2)
    }
    return try run.record(source, into: &replay, until: interrupts)
  }

  private func report(_ result: TraceRun.Result, _ source: some TraceSource, _ target: TraceTarget, _ file: OutputFile?)
  {
    if let failure = target.held?.failure() { Diagnostics.say(failure) }
    source.problems.forEach { Diagnostics.say($0) }
    switch result.ending {
    case .processesEnded where target.held == nil:
      Diagnostics.say(pid.count == 1 ? "process \(pid[0]) has ended" : "all processes have ended")
    case .found(let what): Diagnostics.say(what)
    case .processesEnded, .timeOver, .interrupted: break
    }
    Diagnostics.say(result.summary.line)
    if let losses = result.summary.lossLine { Diagnostics.say(losses) }
    if !result.summary.endIsKnown {
      Diagnostics.say("a process ended before its buffers were read: its last events may be missing, uncounted")
    }
    if let file, !file.isStandardOutput, keep == nil { Diagnostics.say("wrote \(file.path)") }
  }
}

extension FBTHeader {
  /// Of a file that begins now.
  static var here: FBTHeader { .now(tracer: FibrilCommand.configuration.version) }
}
