// Everything a dump says of one process, gathered: its table, the stacks of its parked fibrils, and
// what its running threads do.
public import Inspection
public import Symbols
public import TraceEvents

/// What was seen of the stack of one fibril.
public enum StackView: Sendable {
  /// The number of its backtrace in the dump.
  case parked(backtrace: Int)
  case onCPU(Backtrace)
  /// Its thread is in the kernel for a system call.
  case inCall(ThreadCall, Backtrace)
  /// Its thread is in the kernel for something else.
  case inKernel(isStopped: Bool, Backtrace)
  /// It runs, and why nothing is to be seen of it.
  case hidden(String)
}

/// One fibril or pending call as it was found.
public struct DumpedFibril: Sendable {
  public var snapshot: FibrilSnapshot
  /// nil: it has no stack, or none that could be read.
  public var stack: StackView?
  /// Bytes of its stack that were never used; nil: nobody knows.
  public var neverUsed: UInt64?
  /// What arguments of its call point at.
  public var pointed: [PointedBytes] = []
  /// Finds its entry again.
  var mark: EntryMark?

  public init(_ snapshot: FibrilSnapshot) { self.snapshot = snapshot }
}

/// One process at one moment.
public struct ProcessDump {
  /// The process, its tasks and names. Its fibrils are in `fibrils`, and not here.
  public var process: ProcessSnapshot
  /// By task and id.
  public var fibrils: [DumpedFibril]
  /// Unlike a fibril's stack, its backtrace is often the same as another's.
  public var backtraces: [Backtrace] = []
  /// What could not be read of the table itself, a sentence each.
  public var problems: [String]
  /// For how long the process was stopped; nil: it was not.
  public let stop: StopAccount?
  /// Who waits for whom.
  private(set) var waits = WaitFindings()
  /// Tells what lies at the addresses of backtraces.
  public let symbolizer: Symbolizer
  /// What the descriptors of a live process are by now.
  let descriptors: DescriptorNames

  /// Looks at a process now, or into a core file. What takes time is only done for fibrils that are wanted:
  /// the stacks of all others are neither copied nor walked. They are in `fibrils` all the same. `notice` is
  /// told what takes long, such as fetching debug information, and what was refused.
  public init(
    of source: some InspectedProcess, where isWanted: @escaping (FibrilSnapshot) -> Bool = { _ in true },
    notice: @escaping (String) -> Void = { _ in }
  ) {
    symbolizer = Symbolizer(
      modules: source.symbolModules(),
      generatedCode: { source.codeNames.flatMap { PerfMap(path: $0.path, owner: $0.userID) } }, notice: notice)
    stop = source.stop
    descriptors = DescriptorNames(source.descriptorName)
    let walker = StackWalker(source, symbolizer)
    var table = BacktraceTable(symbolizer)
    var fibrils: [DumpedFibril] = []
    // Room that is not used costs nothing; an array that grows is copied again and again.
    fibrils.reserveCapacity(1 << 17)
    let inspection = source.read(wants: Self.wanted(isWanted)) { snapshot, copies in
      var fibril = DumpedFibril(snapshot)
      fibril.pointed = copies.pointed
      fibril.mark = copies.mark
      if let stack = copies.stack, let number = table.number(of: stack.bytes.span, at: stack.address) {
        fibril.stack = .parked(backtrace: number)
      }
      fibrils.append(fibril)
    }
    process = inspection.snapshot
    problems = source.remarks + inspection.problems
    if let problem = table.problem { problems.append(problem) }
    // The table finds out who owns a lock after it has handed out who waits for it.
    for (index, snapshot) in process.fibrils.enumerated() where snapshot.reason == .mutex {
      fibrils[index].snapshot = snapshot
    }
    process.fibrils = []
    backtraces = table.backtraces
    self.fibrils = consume fibrils
    let wanted = self.fibrils.indices.filter { isWanted(self.fibrils[$0].snapshot) }
    addRunning(wanted, walker)
    addNeverUsed(wanted, source)
    self.fibrils.sort { ($0.snapshot.task, $0.snapshot.fibril) < ($1.snapshot.task, $1.snapshot.fibril) }
    waits = WaitFindings(self.fibrils, in: source)
  }

  /// Stops a live process, copies all there is to see, lets it go on, and only then looks at the copy.
  /// Throws `InspectionError` if it cannot be stopped.
  public init(
    stopping process: ProcessInspector, where isWanted: @escaping (FibrilSnapshot) -> Bool = { _ in true },
    notice: @escaping (String) -> Void = { _ in }
  ) throws(InspectionError) {
    self.init(of: try FrozenProcess(process, wants: Self.wanted(isWanted)), where: isWanted, notice: notice)
  }

  private static func wanted(_ isWanted: @escaping (FibrilSnapshot) -> Bool) -> FibrilCopies.Wanted {
    FibrilCopies.Wanted(stacks: isWanted, pointed: CallArguments.pointed)
  }

  /// A busy thread takes a few milliseconds, an idle one that a damaged table takes for busy far longer.
  private static let timeForRunning = Duration.seconds(5)

  private mutating func addRunning(_ wanted: [Int], _ walker: StackWalker<some InspectedProcess>) {
    let running = Dictionary(
      grouping: wanted.filter { fibrils[$0].snapshot.state == .running }, by: { fibrils[$0].snapshot.task })
    let deadline = ContinuousClock.now + Self.timeForRunning
    for task in process.tasks {
      guard let indices = running[task.task] else { continue }
      guard ContinuousClock.now < deadline else {
        for index in indices { fibrils[index].stack = .hidden("left out: there are too many threads to look at") }
        continue
      }
      let views = walker.views(ofRunning: indices.map { fibrils[$0].snapshot }, on: task)
      for index in indices { fibrils[index].stack = views[fibrils[index].snapshot.fibril] }
    }
  }

  private mutating func addNeverUsed(_ wanted: [Int], _ source: some InspectedProcess) {
    let owners = wanted.filter { !fibrils[$0].snapshot.stack.isEmpty && !fibrils[$0].snapshot.isCall }
    for (index, free) in zip(owners, source.neverUsed(owners.map { fibrils[$0].snapshot.stack })) {
      fibrils[index].neverUsed = free
    }
  }
}
