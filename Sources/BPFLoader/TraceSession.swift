// A trace in batch mode: from attaching to processes' probes to the last record they left.
internal import CFibrilContract
internal import Glibc
public import TraceEvents

/// Traces processes in batch mode and feeds what they do into a `RecordingSink`.
///
/// The order of calls is `init`, `attach`, then `collect` at least every 100 ms, then `finish`. Nothing of a
/// session is safe to use from two threads at a time.
public final class TraceSession {
  /// Whom a trace is about.
  public enum Scope: Sendable {
    /// Processes that run; the id of a thread stands for its process.
    case processes([Int32])
    /// A process that waits to execute a command, whose probes lie in these files. They may be none if it is
    /// going to execute others that have probes.
    case command(Int32, files: [ProbedFile])
    /// All processes that have probes, also those that start later.
    case all
  }

  /// How the trace is made.
  public struct Options {
    /// Room for records between the processes and the tracer, in bytes; a power of two and a multiple
    /// of the page.
    public var ringBytes: Int
    /// Traces the children that traced processes fork, and what they execute.
    public var follow: Bool
    /// Reads the fibril table of a process; nil where that has none or cannot be read.
    public var snapshot: ((Int32) -> ProcessSnapshot?)?
    /// Of all processes, only those that have one of these as the kernel's short name; empty: each of them. The others'
    /// probes fire too where they have the same files.
    public var commands: Set<String> = []
    /// Tell what processes have mapped for execution, which takes longer than all else about one that does nothing.
    public var tellsModules = true

    /// Reserve a whole buffer's room for each batch, as it must be on kernels before 6.16.
    var usesFixedEntries = false
    /// So many files are attached to at a time.
    var mostFiles = 256
    /// Do without programs in the scheduler, as where they are refused.
    var usesSchedulerEvents = true
    /// Attach to every process that has the files, as it must be for one whose main thread has exited.
    var attachesByFile = false
    var ways = AttachWay.allCases
    /// Of all processes, those that are meant. The others' probes are attached too where they have the same files.
    var isMeant: (Int32) -> Bool = { _ in true }

    /// A trace with this much room.
    public init(
      ringBytes: Int = 64 << 20, follow: Bool = false, snapshot: ((Int32) -> ProcessSnapshot?)? = nil
    ) {
      self.ringBytes = ringBytes
      self.follow = follow
      self.snapshot = snapshot
    }
  }

  /// What came of it, beside what the sink was told.
  public struct Totals: Equatable, Sendable {
    /// Process images that the recording has.
    public var processes = 0
    /// Batches that came through the ring.
    public var batches: UInt64 = 0
    /// Nothing is lost beyond what the sink was told. Otherwise a process ended before its buffers were
    /// found, or the account of loss was too small: what a task did last may be missing.
    public var endIsKnown = true
    /// Programs that were executed and ended before it was known whether they have probes: what they did, if they
    /// have, was not seen.
    public var unexamined = 0
  }

  let scope: Scope
  let options: Options
  let action: String
  var attachment: Attachment?
  /// What each traced or watched process is at present.
  var images: [Int32: TracedImage] = [:]
  /// Whose names are not meant, as of CLOCK_MONOTONIC in ns: what they record comes all the same.
  var unmeant: [ImageID: UInt64] = [:]
  /// Have to be told of before anything else comes.
  var newcomers: [TracedImage] = []
  var looks: [Look] = []
  var seenFiles = SeenFiles()
  var round: Round?
  /// When the next round may begin, CLOCK_MONOTONIC in ns.
  var nextRound: UInt64 = 0
  /// When all of /proc is searched again.
  var nextScan: UInt64 = 0
  /// Entries that found no place, when the processes were last looked at because of them.
  var unposted: UInt64 = 0
  var totals = Totals()
  /// When the trace was ended; nil while it goes on.
  var lastPair: ClockPair?
  /// Who had ended by then.
  var lastEnded: Set<Int32> = []
  /// What lay unflushed in the buffers then.
  var lastCopies: [(image: TracedImage, copy: BufferedRecords)] = []
  /// When the probes were attached; nil once the sink knows.
  var firstPair: ClockPair?
  /// The ticks of the latest clock pair that the sink knows.
  var lastTicks: UInt64 = 0
  /// What does not keep the trace from going on, in words for the user; at most 64.
  public internal(set) var problems: [String] = []

  /// When it had attached, CLOCK_MONOTONIC in ns: the recordings of processes that ran already begin here.
  public internal(set) var start: UInt64 = 0
  /// When it began to detach: whatever was recorded by then is told or counted as lost, and nothing younger is told.
  public private(set) var end: UInt64 = 0

  /// Prepares a trace; no process is touched.
  public init(scope: Scope, options: Options = Options()) {
    self.scope = scope
    self.options = options
    action =
      switch scope {
      case .processes(let processes): "attach to process \(processes.map { "\($0)" }.joined(separator: ", "))"
      case .command(let process, _): "attach to process \(process)"
      case .all: "attach to all processes"
      }
  }

  /// Attaches to the probes. Records made from now on are collected, and none from before.
  ///
  /// Throws `BPFError`: of kind `.lacking` where rights or the kernel are in the way, `.failed` where a process
  /// is not there or has no probes.
  public func attach() throws(BPFError) {
    let files = try beginning()
    let isByFile = attachesByFile
    var use = BatchObject.Use(
      everybody: isAboutAll, follow: options.follow, usesSchedulerEvents: options.usesSchedulerEvents)
    var firstError: BPFError?
    for way in options.ways {
      if way == .uprobeMulti && !files.allSatisfy(\.argumentsAreInCallingOrder) { continue }
      for usesSchedulerEvents in Set([options.usesSchedulerEvents, false]).sorted(by: { $0 && !$1 }) {
        use.usesSchedulerEvents = usesSchedulerEvents
        do {
          attachment = try Attachment.make(
            way, use, processes: Array(images.keys), filter: isByFile ? nil : images.keys.first, files: files,
            options: options, action: action)
          if files.count > options.mostFiles { say("\(Attachment.tooMany(action, options.mostFiles))") }
          begin()
          return
        } catch {
          // The first way's error says most: the others are for kernels that lack it.
          firstError = firstError ?? error
        }
      }
    }
    throw firstError ?? BPFError(action, cause: "there is no way to attach to its probes")
  }

  /// Readable when there is much to collect, or a process has ended; wait for it no longer than 100 ms.
  public var pollDescriptor: Int32 { attachment?.ring.descriptor ?? -1 }

  /// How long to wait, in milliseconds, before `collect` has something to do again even if the descriptor is not
  /// readable: 100 at most, less while a program is being looked for probes.
  public var longestWait: Int32 {
    guard let next = looks.map(\.time).min() else { return 100 }
    let now = ClockPair.now().nanoseconds
    return next <= now ? 0 : Int32(min(100, (next - now) / 1_000_000 + 1))
  }

  /// Traced processes that have not ended, and those that may yet become or fork traced ones.
  public var livingProcesses: [Int32] { images.keys.sorted() }

  /// Tells some of what has come in, and what tasks keep in their buffers.
  ///
  /// True if there is more: who makes records faster than they are taken never lets it become empty,
  /// so look after other things in between. Throws what the sink throws.
  public func collect(into sink: inout some RecordingSink) throws -> Bool {
    guard attachment?.isAttached == true else { return false }
    if firstPair != nil { try addClockPair(&sink) }
    try takeNewcomers(&sink)
    try look(&sink)
    try beginRound(&sink)
    let hasMore = try readRing(limit: Self.mostBytesAtOnce, &sink)
    try endRound(&sink)
    return hasMore
  }

  /// Detaches: no records are made any more. What is left is for `finish`.
  public func detach() {
    guard attachment?.isAttached == true else { return }
    round = nil
    for image in images.values where image.isTraced { findBuffers(of: image, now: true) }
    lastEnded = Set(livingProcesses.filter { ProcessFolder(processID: $0) == nil })
    // While the kernel removes the probes, which takes tens of milliseconds, batches go to nobody. What was made
    // before lies in the ring or in these copies.
    let pair = ClockPair.now()
    lastPair = pair
    end = pair.nanoseconds
    lastCopies = copies()
    attachment?.detach()
  }

  /// Detaches, and tells all that is left and the loss that only shows now. Throws what the sink throws.
  public func finish(into sink: inout some RecordingSink) throws -> Totals {
    detach()
    guard attachment != nil else { return totals }
    try addClockPair(&sink)
    try takeNewcomers(&sink)
    while try readRing(limit: Self.mostBytesAtOnce, &sink) {}
    for (image, copy) in lastCopies { try tell(copy, of: image, isLast: true, &sink) }
    lastCopies = []
    for process in livingProcesses {
      guard let image = images[process] else { continue }
      // Its end may not have been told of: then it is one all the same.
      let ending = lastEnded.contains(process) ? ProcessEnding.exited(status: nil) : .traceEnded
      try close(image, ending, at: end, missing: nil, &sink)
    }
    images = [:]
    try sink.mark(end)
    if attachment?.object.counts().uncounted ?? 0 > 0 { totals.endIsKnown = false }
    return totals
  }

  /// Read from the ring in one call of `collect`.
  private static let mostBytesAtOnce: UInt = 4 << 20

  var isAboutAll: Bool { if case .all = scope { true } else { false } }

  /// Programs that a traced process executes are traced too.
  var followsExec: Bool { if case .processes = scope { options.follow } else { true } }

  /// The kernel lets through who has the files, and the programs look who it is.
  private var attachesByFile: Bool {
    if options.attachesByFile || options.follow || isAboutAll || images.count != 1 { return true }
    // The kernel finds a process by its main thread's address space.
    return images.keys.first.flatMap { ProcessFolder(processID: $0) }?.mainThreadHasExited != false
  }

  func say(_ problem: String) {
    if problems.count < 64, !problems.contains(problem) { problems.append(problem) }
  }
}
