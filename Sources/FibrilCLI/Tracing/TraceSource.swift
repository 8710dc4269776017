// Where a trace comes from: a session of either mode, as the loop of a trace sees it.
internal import BPFLoader
internal import CSystemCalls
internal import Glibc
internal import Inspection
internal import TraceEvents

/// A session that has attached.
protocol TraceSource: AnyObject {
  /// Readable when there is much to collect or a process has ended.
  var pollDescriptors: [Int32] { get }
  /// For how long they may be waited for, in ms.
  var longestWait: Int32 { get }
  /// All that could be traced has ended.
  var hasEnded: Bool { get }
  /// What went wrong without ending the trace, in words for the user.
  var problems: [String] { get }

  /// When it had attached, and when it had detached, CLOCK_MONOTONIC in ns.
  var start: UInt64 { get }
  var end: UInt64 { get }

  /// Attaches to the probes. Throws `BPFError`.
  func attach() throws(BPFError)
  /// Tells some of what has come in; true if there is more.
  func collect(into sink: inout some RecordingSink) throws -> Bool
  /// Detaches: no events are recorded any more.
  func detach()
  /// Tells all that is left. Returns whether nothing is lost beyond what was told.
  func finish(into sink: inout some RecordingSink) throws -> Bool
}

/// Batch mode.
final class BatchSource: TraceSource {
  private let session: TraceSession
  private let isEndless: Bool

  init(_ scope: TraceSession.Scope, ringBytes: Int?, follow: Bool, tellsModules: Bool) {
    isEndless = if case .all = scope { true } else { false }
    var options = TraceSession.Options(
      ringBytes: ringBytes ?? TraceSession.Options().ringBytes, follow: follow, snapshot: { Self.snapshot(of: $0) })
    options.tellsModules = tellsModules
    session = TraceSession(scope: scope, options: options)
  }

  var pollDescriptors: [Int32] { [session.pollDescriptor] }
  var longestWait: Int32 { session.longestWait }
  var hasEnded: Bool { !isEndless && session.livingProcesses.isEmpty }
  private var unexamined = 0
  var problems: [String] {
    let ended = """
      programs that ended before it was seen whether they have probes, and are not in the trace: \(unexamined)
      """
    return session.problems + (unexamined > 0 ? [ended] : [])
  }
  var start: UInt64 { session.start }
  var end: UInt64 { session.end }
  func attach() throws(BPFError) { try session.attach() }
  func collect(into sink: inout some RecordingSink) throws -> Bool { try session.collect(into: &sink) }
  func detach() { session.detach() }

  func finish(into sink: inout some RecordingSink) throws -> Bool {
    let totals = try session.finish(into: &sink)
    unexamined = totals.unexamined
    return totals.endIsKnown
  }

  /// The fibrils that are there already. A process that has no task yet has none.
  static func snapshot(of process: Int32) -> ProcessSnapshot? {
    do {
      let inspection = try ProcessInspector(processID: process).read()
      for problem in inspection.problems { Diagnostics.say("\(inspection.snapshot.command): \(problem)") }
      return inspection.snapshot
    } catch InspectionError.noTable, InspectionError.noSuchProcess {
      return nil
    } catch {
      Diagnostics.say("fibrils from before the trace are shown as unknown: \(error)")
      return nil
    }
  }
}

/// Precise mode, which traces one process.
final class PreciseSource: TraceSource {
  private let session: PreciseSession
  private let processID: Int32
  private let isHeld: Bool
  /// Readable when the process has ended; negative if it had ended before.
  private let endDescriptor: Int32
  private var modules = ModuleReader()
  private var hasBegun = false
  private(set) var problems: [String] = []
  private(set) var start: UInt64 = 0
  var end: UInt64 { session.end }

  /// `isHeld`: the process has yet to execute its program.
  init(process: Int32, files: [ProbedFile], isHeld: Bool, options: PreciseSession.Options) throws(BPFError) {
    processID = process
    self.isHeld = isHeld
    session = try PreciseSession(process: process, files: files, options: options)
    endDescriptor = fibril_process_descriptor(process)
  }

  deinit { if endDescriptor >= 0 { close(endDescriptor) } }

  var pollDescriptors: [Int32] { [session.pollDescriptor, endDescriptor] }
  let longestWait: Int32 = 100

  var hasEnded: Bool {
    var descriptor = pollfd(fd: endDescriptor, events: Int16(POLLIN), revents: 0)
    let isGone = unsafe poll(&descriptor, 1, 0) > 0
    return endDescriptor < 0 || isGone || session.processHasBeenReplaced
  }

  func attach() throws(BPFError) {
    try session.attach()
    start = ClockPair.now().nanoseconds
  }

  func collect(into sink: inout some RecordingSink) throws -> Bool {
    if !hasBegun { try begin(&sink) }
    if let process = ProcessFolder(processID: processID), let changed = modules.changes(of: process) {
      try sink.take(changed, of: 0)
    }
    return try session.collect(into: &sink)
  }

  private func begin(_ sink: inout some RecordingSink) throws {
    hasBegun = true
    let process = ProcessFolder(processID: processID)
    let command = (process.flatMap { contentsOfProcFile($0.path + "/comm", limit: 64) } ?? "").prefix { $0 != "\n" }
    let recorded = RecordedProcess(
      index: 0, processID: processID, command: String(command),
      executable: process.flatMap { targetOfProcLink($0.path + "/exe") } ?? "",
      origin: isHeld ? .started : .attached, clock: .monotonic, begin: start)
    try session.begin(recorded, into: &sink)
    if !isHeld { try session.takeSnapshot(into: &sink) { BatchSource.snapshot(of: processID) } }
  }

  func detach() { session.detach() }

  func finish(into sink: inout some RecordingSink) throws -> Bool {
    if !hasBegun { try begin(&sink) }
    let ending: ProcessEnding =
      session.processHasBeenReplaced ? .executed : hasEnded ? .exited(status: nil) : .traceEnded
    let totals = try session.finish(into: &sink, ending)
    if totals.missedStacks > 0 { problems.append("\(totals.missedStacks) stacks found no place and are missing") }
    if totals.missedNames > 0 { problems.append("\(totals.missedNames) names could not be read") }
    return totals.isComplete
  }
}
