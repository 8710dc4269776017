// One process traced in precise mode: from attaching to its probes to its last event.
internal import CFibrilContract
public import TraceEvents

/// Traces one process event by event, and feeds what comes into a `RecordingSink`, of which it is process 0.
///
/// The order of calls is `init`, `attach`, `begin`, then `collect` at least every 100 ms, then `finish`.
public final class PreciseSession {
  /// The process that is traced.
  public let processID: Int32
  private let files: [ProbedFile]
  private let options: Options
  private let action: String
  private let reader = PreciseReader()
  private var attachment: Attachment?
  /// When it had detached, CLOCK_MONOTONIC in ns: no event is younger.
  public private(set) var end: UInt64 = 0
  private var received: UInt64 = 0
  /// Of each task: behind the last number that was told.
  private var told: [UInt64: UInt64] = [:]
  private var stacks = 0

  /// The kernel's part, complete.
  private struct Attachment: ~Copyable {
    let object: PreciseObject
    let ring: PreciseRing
    var links: PreciseLinks
  }

  /// The sink's number of the process.
  private static let index = 0

  /// Prepares to trace a process without touching it. Its probes lie in `files`, as
  /// `ProbedFile.all(of:for:)` finds them for `.events`.
  public init(process: Int32, files: [ProbedFile], options: Options = Options()) throws(BPFError) {
    processID = process
    self.files = files
    self.options = options
    action = "attach to process \(process)"
    if options.filter.reasons?.contains(where: { $0.rawValue > 63 }) == true {
      throw BPFError(action, cause: "there is no reason above 63 to filter by", remedy: "give one of a block's reasons")
    }
  }

  /// Attaches to the probes. Every event from now on that passes the filter is counted.
  ///
  /// Throws `BPFError`, of kind `.lacking` where rights or the kernel are in the way.
  public func attach() throws(BPFError) {
    let usesMultiLink = files.allSatisfy(\.argumentsAreInCallingOrder)
    try attach(by: PreciseObject.Way.allCases.filter { $0 != .uprobeMulti || usesMultiLink })
  }

  /// Attaches by the first of `ways` that works.
  func attach(by ways: [PreciseObject.Way]) throws(BPFError) {
    var firstError: BPFError?
    for way in ways {
      do {
        try attach(by: way)
        return
      } catch {
        // The first way's error says most: the other is for kernels that lack it.
        firstError = firstError ?? error
      }
    }
    throw firstError ?? BPFError(action, cause: "there is no way to attach to its probes")
  }

  private func attach(by way: PreciseObject.Way) throws(BPFError) {
    // The kernel finds a process by its main thread's address space. Where that is gone, the probes
    // of all processes are attached and the program looks who runs into them.
    let hasMainThread = ProcessFolder(processID: processID)?.mainThreadHasExited != true
    let object = try PreciseObject(way: way, action: action)
    try object.load(options, onlyProcess: hasMainThread ? nil : processID, action: action)
    let ring = try PreciseRing(map: object.ring, reader: reader, action: action)
    var links = PreciseLinks()
    let kinds = options.filter.kinds ?? Set(Kind.allCases)
    for file in files {
      try links.attach(
        object, to: file, kinds: kinds, process: hasMainThread ? processID : nil, action: action)
    }
    attachment = Attachment(object: object, ring: ring, links: links)
  }

  /// Readable when there is much to collect; wait for it no longer than 100 ms.
  public var pollDescriptor: Int32 { attachment?.ring.descriptor ?? -1 }

  /// Events came from another program that the process has become. They are left out.
  public var processHasBeenReplaced: Bool { reader.imageHasChanged }

  /// Begins the process in the sink: comes before the first `collect`. What else the sink wants to hear
  /// of it before its records, its modules say, is the caller's to tell right after.
  public func begin(_ process: RecordedProcess, into sink: inout some RecordingSink) throws {
    var process = process
    process.index = Self.index
    process.clock = .monotonic
    try sink.begin(process)
  }

  /// Tells the sink of the fibrils that `read` finds to be there already, numbered as this session counts.
  /// Comes between `begin` and the first `collect`.
  public func takeSnapshot(
    into sink: inout some RecordingSink, _ read: () throws -> ProcessSnapshot?
  ) throws {
    guard var snapshot = try read() else { return }
    // The table changes before a probe fires. So of what is counted after it was read only each task's first event
    // can be in it, as next_number has it. What was counted meanwhile and is not in it counts as older too: that
    // takes the reason from a fibril that has waited since before the trace, and makes no state wrong.
    var numbers: [UInt64: UInt64] = [:]
    for (of, number) in attachment?.object.counts().next ?? [] { numbers[of.task] = number }
    for place in snapshot.tasks.indices {
      snapshot.tasks[place].nextNumber = numbers[snapshot.tasks[place].task] ?? 0
    }
    for place in snapshot.fibrils.indices {
      let fibril = snapshot.fibrils[place]
      snapshot.fibrils[place].nextNumber = numbers[fibril.task] ?? 0
      let name = Int(fibril.name) < snapshot.names.count ? snapshot.names[Int(fibril.name)] : ""
      snapshot.fibrils[place].name = reader.index(of: name)
    }
    try tellNames(to: &sink)
    snapshot.names = []
    try sink.take(snapshot, of: Self.index)
  }

  /// Feeds some of what has come in into the sink; true if there is more.
  public func collect(into sink: inout some RecordingSink) throws -> Bool {
    let start = ClockPair.now()
    let hasMore = attachment?.ring.consume() ?? false
    let isEmpty = !hasMore && attachment?.ring.isEmpty == true
    try deliver(to: &sink)
    // An event's time is read with its place reserved: those that come later are younger.
    if isEmpty { try sink.mark(start.nanoseconds) }
    return hasMore
  }

  /// Detaches: no events are recorded any more.
  public func detach() {
    guard end == 0 else { return }
    attachment?.links = PreciseLinks()
    end = ClockPair.now().nanoseconds
  }

  /// Detaches, feeds all that is left into the sink, and the loss that only shows now.
  public func finish(into sink: inout some RecordingSink, _ ending: ProcessEnding = .traceEnded) throws -> Totals {
    detach()
    while attachment?.ring.consume() == true { try deliver(to: &sink) }
    try deliver(to: &sink)
    let counts = attachment?.object.counts() ?? PreciseObject.Counts()
    let ends = counts.next.filter { $0.of.process == reader.process ?? $0.of.process }
    var made: UInt64 = 0
    for (of, number) in ends.sorted(by: { $0.of.task < $1.of.task }) {
      let end = max(number, told[of.task] ?? 0)
      try sink.end(task: of.task, at: end, of: Self.index)
      made += end
    }
    try sink.end(Self.index, ending, at: end)
    try sink.mark(end)
    return Totals(
      records: received, lost: made - min(made, received), tasks: ends.count, stacks: stacks,
      missedStacks: counts.missedStacks, missedNames: reader.missedNames, isComplete: counts.uncounted == 0,
      processWasReplaced: reader.imageHasChanged || ends.count < counts.next.count)
  }

  private func deliver(to sink: inout some RecordingSink) throws {
    try tellNames(to: &sink)
    for id in reader.newStacks {
      guard let stack = attachment?.object.stack(id) else { continue }
      try sink.take(stack: stack, id: id, of: Self.index)
      stacks += 1
    }
    try deliverRecords(to: &sink)
    reader.clear()
  }

  private func deliverRecords(to sink: inout some RecordingSink) throws {
    let bytes = reader.bytes
    for run in reader.runs {
      // Several threads that say they are the same task may overtake each other: what comes late is lost.
      guard run.first >= told[run.task] ?? 0 else { continue }
      told[run.task] = run.end
      // Bytes are as good as records: the sink takes anything.
      let records = unsafe bytes.span.bytes.extracting(run.bytes)
      try sink.take(records: records, of: run.task, from: run.first, of: Self.index)
      received += UInt64(run.bytes.count / RecordDecoder.recordBytes)
    }
  }

  private func tellNames(to sink: inout some RecordingSink) throws {
    guard !reader.newNames.isEmpty else { return }
    try sink.take(reader.newNames, from: reader.firstNewName, of: Self.index)
    reader.namesAreTold()
  }
}
