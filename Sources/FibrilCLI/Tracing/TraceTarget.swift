// What is traced: processes that run already, all there are, or a command that is about to run.
internal import BPFLoader
internal import Glibc
internal import TraceEvents

/// Whom a trace is about.
enum TraceTarget {
  case processes([Int32])
  case all
  /// A command that waits to be executed, and the files that hold its probes.
  case command(HeldCommand, files: [ProbedFile])

  /// A command with the signal mask `mask`. Throws `BPFError` if it cannot be traced, `CommandError` if it
  /// cannot be run. With `mayLackProbes` it may be one that only executes others that have probes.
  static func command(_ arguments: [String], mask: sigset_t, mayLackProbes: Bool, for use: ProbedFile.Use) throws
    -> TraceTarget
  {
    let path = try HeldCommand.resolve(arguments[0])
    let files: [ProbedFile]
    do {
      files = try ProbedFile.all(ofProgram: path, for: use)
    } catch {
      guard mayLackProbes else { throw error }
      files = []
    }
    return .command(try HeldCommand(path: path, arguments: arguments, mask: mask), files: files)
  }

  var held: HeldCommand? { if case .command(let held, _) = self { held } else { nil } }

  /// The session that traces it in batch mode.
  func batchSource(ringBytes: Int?, follow: Bool, tellsModules: Bool = true) -> BatchSource {
    let scope: TraceSession.Scope =
      switch self {
      case .processes(let processes): .processes(processes)
      case .all: .all
      case .command(let held, let files): .command(held.processID, files: files)
      }
    return BatchSource(scope, ringBytes: ringBytes, follow: follow, tellsModules: tellsModules)
  }

  /// The session that traces it in precise mode: one process.
  func preciseSource(_ options: PreciseSession.Options) throws(BPFError) -> PreciseSource {
    switch self {
    case .command(let held, let files):
      return try PreciseSource(process: held.processID, files: files, isHeld: true, options: options)
    case .processes(let processes):
      guard let process = ProcessFolder(processID: processes[0]) else { throw BPFError.noSuchProcess(processes[0]) }
      let files = try ProbedFile.all(of: process, for: .events)
      return try PreciseSource(process: process.processID, files: files, isHeld: false, options: options)
    case .all: preconditionFailure("the command line does not allow it")
    }
  }
}
