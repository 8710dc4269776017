// Fibrils that wait for each other in a circle, as far as that is certain.
internal import Inspection
internal import TraceEvents

/// Fibrils each of which waits for the next, the last one for the first. All of it was true at one moment.
struct WaitCycle {
  /// How it may come to an end.
  enum End: Equatable {
    /// Not by itself: it is a deadlock.
    case never
    /// The first of the deadlines passes, CLOCK_MONOTONIC in ns.
    case deadline(UInt64)
    /// A fibril was cancelled, and may be about to give up.
    case cancelled
  }

  /// Indices of the dump's fibrils.
  let members: [Int]
  let end: End
  /// How many others wait behind them.
  let waiters: Int

  /// nil if it is not certain that it is one.
  init?(_ cycle: WaitGraph.Cycle, _ fibrils: [DumpedFibril], in source: some InspectedProcess) {
    let marks = cycle.members.compactMap { fibrils[$0].mark }
    guard marks.count == cycle.members.count, !marks.contains(where: \.isAskedFor), source.areUnchanged(marks) else {
      return nil
    }
    members = cycle.members
    waiters = cycle.waiters
    if let first = members.map({ fibrils[$0].snapshot.deadline }).filter({ $0 != 0 }).min() {
      end = .deadline(first)
    } else {
      end = marks.contains(where: \.isCancelled) ? .cancelled : .never
    }
  }
}

/// Who waits for whom in a dump.
struct WaitFindings {
  /// Deadlocks first.
  let cycles: [WaitCycle]
  /// Whom fibrils wait for, who waits for nobody; the one with the most waiters first.
  let roots: [WaitGraph.Root]
  /// By the index of a fibril: how many wait for it, for those that do, and so on.
  let waiters: [Int]

  init() {
    cycles = []
    roots = []
    waiters = []
  }

  init(_ fibrils: [DumpedFibril], in source: some InspectedProcess) {
    let graph = WaitGraph(fibrils.lazy.map(\.snapshot))
    let cycles = graph.cycles.compactMap { WaitCycle($0, fibrils, in: source) }
    self.cycles = cycles.filter { $0.end == .never } + cycles.filter { $0.end != .never }
    roots = graph.roots
    waiters = graph.waiters
  }
}
