// `fibril dump`: sysrq-t for the fibrils of a process.
internal import ArgumentParser
internal import Dumping
internal import Glibc
internal import Inspection
internal import TraceEvents

struct Dump: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Show what every fibril of a process is doing, and its stack.",
    usage: """
      fibril dump -p PID [--stop] [FORM] [SELECTION ...]
      fibril dump --core CORE [--exe EXE] [FORM] [SELECTION ...]
      fibril dump --symbolize FILE
      """,
    discussion: """
      The process is neither changed nor, without --stop, stopped. It has to belong to you, or you need root or \
      CAP_SYS_PTRACE.

      Each fibril has one line and its call trace, the innermost function first:

        state   R runs or could run, S is blocked, Z has ended and is to be joined,
                D holds its thread in a call that no signal ends
        stack   bytes of its stack that were never used
        age     time since it blocked or was woken; - if it has done neither
        stalls  calls made on the task's own thread that held it up
        ?       in front of a function: found by searching the stack, it may be wrong

      EXAMPLES:
        fibril dump -p 4711                 all fibrils
        fibril dump -p 4711 --compact       equal stacks once
        fibril dump -p 4711 --count         only how many wait for what
        fibril dump -p 4711 -w --min-age 5s --sort age
        fibril dump -p 4711 --name 'worker-*' --state runnable --state running
        fibril dump -p 4711 --json | jq '.fibrils[] | select(.age_ns > 5e9)'
        fibril dump --core core.4711        as it was when it was killed
        fibril list                         what there is to dump
        fibril dump --symbolize server.log  what it wrote of itself, with symbols
      """)

  @Option(name: .shortAndLong, help: ArgumentHelp("Dump this process.", valueName: "PID"))
  var pid: Int32?

  @Option(help: ArgumentHelp("Dump the process that this core file holds.", valueName: "CORE"))
  var core: String?

  @Option(
    help: ArgumentHelp("The program that left the core file, where it is not where it was.", valueName: "EXE"))
  var exe: String?

  @Option(
    help: ArgumentHelp(
      "Print this text of a dump that a process wrote of itself, with symbols; - is standard input.",
      valueName: "FILE"))
  var symbolize: String?

  @Flag(
    help: """
      Stop the process while it is copied, for a picture of one moment. It goes on before the picture is printed, and \
      also when this command is killed.
      """)
  var stop = false

  @OptionGroup(title: "FORM") var form: DumpForm
  @OptionGroup(title: "SELECTION") var chosen: DumpSelection

  func validate() throws {
    guard [pid != nil, core != nil, symbolize != nil].count(where: { $0 }) == 1 else {
      throw ValidationError("name a process with -p, a core file with --core, or --symbolize FILE")
    }
    if let pid, pid <= 0 { throw ValidationError("\(pid) is no process id") }
    if exe != nil, core == nil { throw ValidationError("--exe names the program of a core file: give --core too") }
    if stop, pid == nil { throw ValidationError("--stop stops a process: name one with -p") }
    if symbolize != nil, stop || form.verbose || form.format != .text || chosen.isGiven {
      throw ValidationError("--symbolize prints a text as it is: no other option but -o goes with it")
    }
    if form.format == .counts, chosen.sort != nil {
      throw ValidationError("--sort does nothing for --count, which shows no single fibrils")
    }
  }

  private func dump(where isWanted: @escaping (FibrilSnapshot) -> Bool) throws -> ProcessDump {
    func notice(_ text: String) { Diagnostics.say(text) }
    if let core {
      return ProcessDump(of: try CoreInspector(core: core, program: exe), where: isWanted, notice: notice)
    }
    let process = try ProcessInspector(processID: pid ?? 0)
    return stop
      ? try ProcessDump(stopping: process, where: isWanted, notice: notice)
      : ProcessDump(of: process, where: isWanted, notice: notice)
  }

  func run() throws {
    do {
      let output = try form.output()
      if let symbolize { return try finish(symbolize, to: output) }
      let (format, selection) = (form.format, chosen.selection)
      let dump = try dump { selection.wantsStack(of: $0, for: format) }
      try output.begin()
      try dump.write(format, selection, verbose: form.verbose) { (bytes) throws(OutputError) in
        try output.write(bytes)
      }
    } catch let error as InspectionError {
      if case .noRights = error { throw Diagnostics.failure(error, status: ExitStatus.machineLacks) }
      throw Diagnostics.failure(error)
    } catch let error as OutputError where error.errno == EPIPE {
      // Whoever read it has seen enough.
    } catch {
      throw Diagnostics.failure(error)
    }
  }
}
