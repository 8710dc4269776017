// fibril stat: counts and latencies of processes, summed up as they come.
internal import ArgumentParser
internal import BPFLoader
internal import Texts
internal import TraceEvents

struct Stat: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Count what the fibrils of processes do, and how long they wait and run.",
    usage: """
      fibril stat -p PID [-p PID ...] [-d DURATION] [-i INTERVAL] [--json]
      fibril stat [-d DURATION] [-i INTERVAL] [--json] -- COMMAND [ARG ...]
      fibril stat [--json] FILE.fbt
      """,
    discussion: """
      At its end, which is that of the processes, DURATION, or Ctrl-C, it prints a table: how often each thing \
      happened, and of what takes time the count, the median, the 90th and 99th percentile, the longest, and a small \
      histogram. With -i it prints a line an interval besides. No event is written: it costs the process what batch \
      tracing does, tens of nanoseconds an event, and may run as long as you like.

      run queue: from becoming runnable (a wake, a submit, a yield) to running. running: from a switch to the next. \
      blocked: from a block to its wake, by reason, and by system call. lifetime: from submit to end. Percentiles are \
      at most 1 % too high; counts are exact.

      Of a recording, FILE.fbt, it says the same as if it had looked on; no rights are needed for that.

      --json prints one object, or with -i one a line an interval; docs/metrics.md describes it.

      EXAMPLES:
        fibril stat -p 4711 -d 10s
        fibril stat -p 4711 -i 1s
        fibril stat --json -- ./server --port 8080 > figures.json
        fibril stat trace.fbt
      """)

  @Option(name: .shortAndLong, help: ArgumentHelp("Count this process; may be given often.", valueName: "PID"))
  var pid: [Int32] = []

  @Flag(help: "Count also the children that the processes fork, and what they execute.")
  var follow = false

  @Option(name: .shortAndLong, help: ArgumentHelp("End after this time: 500ms, 5s, 2m, 1h.", valueName: "DURATION"))
  var duration: DurationArgument?

  @Option(name: .shortAndLong, help: ArgumentHelp("Print a line each time this has passed.", valueName: "INTERVAL"))
  var interval: DurationArgument?

  @Flag(help: "Print JSON.")
  var json = false

  @Option(
    help: ArgumentHelp(
      "Room for what has not been read yet, 64KiB to 1GiB; a power of two. (default: 64MiB)", valueName: "SIZE"))
  var buffer: SizeArgument?

  @Argument(help: ArgumentHelp("Count what was recorded; - is standard input.", valueName: "FILE.fbt"))
  var recording: String?

  @Argument(parsing: .postTerminator, help: ArgumentHelp("Run this command and count it.", valueName: "COMMAND"))
  var command: [String] = []

  func validate() throws {
    guard [!pid.isEmpty, !command.isEmpty, recording != nil].count(where: { $0 }) == 1 else {
      throw ValidationError("say what to count: one of -p PID, -- COMMAND, and FILE.fbt")
    }
    if recording != nil, follow || duration != nil || interval != nil || buffer != nil {
      throw ValidationError("of FILE.fbt all is counted: --follow, -d, -i and --buffer are for processes")
    }
    if let wrong = pid.first(where: { $0 <= 0 }) { throw ValidationError("\(wrong) is no process id") }
    try buffer?.validateAsRing()
    if let interval, interval.nanoseconds < 100_000_000 {
      throw ValidationError("-i is too short: figures come ten times a second, so give 100ms or more")
    }
  }

  func run() throws {
    try Tracing.run {
      let output = OutputFile.standard
      if let recording { try count(recording, output) } else { try count(into: output) }
    }
  }

  private func count(_ recording: String, _ output: OutputFile) throws {
    var counting: StatOutput
    let input: InputFile
    let ending: FBTEnding
    do {
      input = try InputFile(path: recording)
      var reader = try FBTReader { (count) throws(FBTError) in try input.read(count) }
      counting = StatOutput(isJSON: json, header: reader.header, write: { try output.write($0.bytes) })
      ending = try reader.replay(into: &counting)
    } catch let error as FBTError {
      throw RecordingError(action: "count", recording: recording, cause: error)
    }
    try counting.finish(at: 0)
    try ending.say(of: input.name, whatIsThereIs: "counted")
  }

  private func count(into output: OutputFile) throws {
    let interrupts = Interrupts(alsoUser: false)
    let target: TraceTarget =
      try command.isEmpty
      ? .processes(pid)
      : .command(command, mask: interrupts.originalMask, mayLackProbes: follow, for: .batches)
    let source = target.batchSource(
      ringBytes: buffer.map { Int($0.bytes) }, follow: follow, tellsModules: false)
    try source.attach()
    let run = TraceRun(held: target.held, start: source.start, duration: duration?.nanoseconds)
    var counting = StatOutput(
      interval: interval?.nanoseconds, start: source.start, isJSON: json, write: { try output.write($0.bytes) })
    let result = try run.record(source, into: &counting, until: interrupts)
    if let failure = target.held?.failure() { Diagnostics.say(failure) }
    source.problems.forEach { Diagnostics.say($0) }
    if !result.summary.endIsKnown {
      Diagnostics.say("a process ended before its buffers were read: its last events may be missing, uncounted")
    }
    if result.ending == .interrupted, duration != nil || target.held != nil { throw ExitStatus.interrupted }
  }
}
