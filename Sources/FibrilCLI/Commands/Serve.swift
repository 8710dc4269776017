// `fibril serve`: figures for Prometheus, and a page to look at.
internal import ArgumentParser
internal import BPFLoader
internal import CSystemCalls
internal import Glibc
internal import Serving
internal import TraceEvents

struct Serve: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Serve figures to Prometheus, and a live page.",
    usage: """
      fibril serve [-a] [--listen ADDRESS] [--token-file FILE]
      fibril serve -p PID [-p PID ...] [--listen ADDRESS]
      fibril serve --comm NAME [--comm NAME ...] [--listen ADDRESS]
      fibril serve ... --systemd-unit
      """,
    discussion: """
      Follows processes as they come and go, sums up what their fibrils do, and answers at ADDRESS:

        /              a page that shows them, live
        /metrics       for Prometheus
        /figures.json  the same as JSON
        /healthz       whether figures are still gathered

      It ends with Ctrl-C or SIGTERM, and not with the processes. Any address but a loopback one takes a token, which \
      readers send as `Authorization: Bearer TOKEN`. There is no encryption: put a proxy in front for that.

      It needs root, or CAP_BPF, CAP_PERFMON and CAP_SYS_PTRACE, as the unit that --systemd-unit prints gives it. \
      docs/metrics.md says what there is to read, and what it costs.

      EXAMPLES:
        fibril serve
        fibril serve -p 4711 --listen 127.0.0.1:0
        fibril serve --comm server --listen 0.0.0.0:9464 --token-file token
        fibril serve --systemd-unit > /etc/systemd/system/fibril.service
        curl -s http://127.0.0.1:9464/metrics | grep run_queue
      """)

  @Option(
    name: .shortAndLong,
    help: ArgumentHelp(
      "Follow this process, what it executes and what it forks; may be given often.", valueName: "PID"))
  var pid: [Int32] = []

  @Flag(name: .shortAndLong, help: "Follow every process that has the probes. This is what it does by default.")
  var all = false

  @Option(
    help: ArgumentHelp(
      "Follow every process that the kernel calls by this name (/proc/PID/comm); may be given often.",
      valueName: "NAME"))
  var comm: [String] = []

  @Option(
    help: ArgumentHelp("Listen at this address and port; port 0 is any that is free.", valueName: "ADDRESS"))
  var listen = ListenAddress(argument: "127.0.0.1:9464")!

  @Option(
    help: ArgumentHelp("Answer only who shows the token in this file.", valueName: "FILE"), completion: .file())
  var tokenFile: String?

  @Option(
    help: ArgumentHelp(
      "Room for what has not been read yet, 64KiB to 1GiB; a power of two. (default: 8MiB)", valueName: "SIZE"))
  var buffer: SizeArgument?

  @Flag(help: "Print a unit by which systemd runs this with the least rights that work.")
  var systemdUnit = false

  func validate() throws {
    guard [!pid.isEmpty, all, !comm.isEmpty].count(where: { $0 }) <= 1 else {
      throw ValidationError("say whom to follow by one of -p PID, -a, and --comm NAME")
    }
    if let wrong = pid.first(where: { $0 <= 0 }) { throw ValidationError("\(wrong) is no process id") }
    if let wrong = comm.first(where: { $0.isEmpty || $0.utf8.count > 15 }) {
      throw ValidationError("no process is called \"\(wrong)\": the kernel's names have 1 to 15 bytes")
    }
    try buffer?.validateAsRing()
    if !listen.isLoopback, tokenFile == nil {
      throw ValidationError(
        "\(listen.text) can be reached from elsewhere: say with --token-file who may read, or listen at 127.0.0.1")
    }
    if systemdUnit, let tokenFile, !tokenFile.hasPrefix("/") {
      throw ValidationError("a unit knows no directory of yours: give --token-file the whole path of \(tokenFile)")
    }
    if systemdUnit, !pid.isEmpty { throw ValidationError("a unit outlives processes: give it -a or --comm, not -p") }
  }

  func run() throws {
    try Tracing.run {
      if systemdUnit { try OutputFile.standard.write(Array(unit().utf8)) } else { try serve() }
    }
  }

  private func serve() throws {
    raiseDescriptorLimit()
    let token = try tokenFile.map { file throws(TokenError) in try AccessToken(file: file) }
    // The texts of answers are large, and held for a moment only.
    fibril_keep_little_memory()
    // Threads inherit what is held back.
    let interrupts = Interrupts()
    let snapshots = NewcomerSnapshots()
    var options = TraceSession.Options(
      ringBytes: Int(buffer?.bytes ?? 8 << 20), follow: !pid.isEmpty, snapshot: { snapshots.read($0) })
    options.commands = Set(comm)
    options.tellsModules = false
    let session = TraceSession(scope: pid.isEmpty ? .all : .processes(pid), options: options)
    try session.attach()
    let requests = FigureRequests()
    let server = MetricsServer(
      options: ServerOptions(host: listen.host, port: listen.port, token: token?.bytes),
      source: ServedFigures(requests: requests))
    Diagnostics.say("listening on \(try start(server).url)")
    var collector = MetricsCollector(session, endsWithProcesses: !pid.isEmpty, answering: requests)
    defer {
      requests.close()
      DumpProcess.end()
      server.end(why: "the exporter has ended")
      session.detach()
    }
    try collector.run(until: interrupts)
  }

  private func start(_ server: MetricsServer) throws(ListenError) -> ServerAddress {
    do {
      return try server.start()
    } catch {
      throw ListenError(cause: error)
    }
  }

  private func unit() throws -> String {
    guard let executable = targetOfProcLink("/proc/self/exe") else { throw ServiceUnit.NoProgram() }
    var arguments = comm.isEmpty ? ["-a"] : comm.flatMap { ["--comm", $0] }
    arguments += ["--listen", listen.text]
    if let buffer { arguments += ["--buffer", "\(buffer.bytes)"] }
    return ServiceUnit(executable: executable, arguments: arguments, tokenFile: tokenFile).text
  }
}
