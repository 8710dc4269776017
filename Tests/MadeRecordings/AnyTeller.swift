// Recordings of any content: calls in any order, times and numbers of any size.
internal import CFibrilContract
public import TraceEvents

/// Invents a recording, the same for the same seed.
public struct AnyTeller {
  private var random: SplitMix
  private var processes = 0

  public init(seed: UInt64) {
    random = SplitMix(state: seed)
  }

  private mutating func value() -> UInt64 {
    switch random.below(6) {
    case 0: .max - random.below(3)
    case 1: random.below(.max) >> random.below(64)
    default: random.below(30)
    }
  }

  private mutating func records() -> TaskRecords {
    var records = TaskRecords(from: value())
    for _ in 0..<random.below(20) {
      let kind = fibril_record_kind(UInt32(random.below(13)))
      if records.next > .max - 3 { break }
      records.add(
        kind, time: value(), fibril: value(), arg: value(), arg32: UInt32(truncatingIfNeeded: value()))
    }
    return records
  }

  private mutating func snapshot() -> ProcessSnapshot {
    var snapshot = ProcessSnapshot(processID: 1, command: "", ident: 0, time: value(), runtime: "")
    for _ in 0..<random.below(4) {
      snapshot.tasks.append(
        TaskSnapshot(
          task: value(), threadID: UInt32(truncatingIfNeeded: value()), running: value(), root: value(), runnable: 0,
          nextNumber: value(), counts: EventCounts()))
    }
    for _ in 0..<random.below(9) {
      var fibril = FibrilSnapshot(
        fibril: value(), task: value(), state: FibrilState(rawValue: UInt8(random.below(6))))
      fibril.since = value()
      fibril.nextNumber = value()
      fibril.parent = value()
      fibril.isRoot = random.below(4) == 0
      fibril.isCall = random.below(3) == 0
      fibril.changedWhileRead = random.below(4) == 0
      snapshot.fibrils.append(fibril)
    }
    return snapshot
  }

  /// One more call of some kind.
  public mutating func tell(_ sink: inout some RecordingSink) throws {
    // Mostly one of the last two, now and then one that is not there.
    let process = max(0, processes - Int(random.below(3)))
    switch random.below(16) {
    case 0: try sink.add(ClockPair(ticks: value(), nanoseconds: value()))
    case 1: try sink.mark(value())
    case 2: try sink.take(["a", "b"], from: Int(random.below(4)), of: process)
    case 3: try sink.take(snapshot(), of: process)
    case 4: try sink.begin(task: value(), at: value(), of: process)
    case 5: try sink.end(task: value(), at: value(), of: process)
    case 6 where random.below(4) == 0: try sink.end(process, .executed, at: value())
    case 7 where processes == 0 || random.below(3) == 0:
      let clock: TickClock.Source = random.below(2) == 0 ? .monotonic : .timeStampCounter
      try sink.begin(
        RecordedProcess(
          index: processes, processID: Int32(truncatingIfNeeded: value()), command: "p", clock: clock, begin: value())
      )
      processes += 1 + Int(random.below(2))
    default: try records().tell(&sink, task: value(), process: process)
    }
  }
}

/// The same numbers in every run.
public struct SplitMix {
  private var state: UInt64

  public init(state: UInt64) {
    self.state = state
  }

  /// Uniform, from 0 to below `bound`.
  public mutating func below(_ bound: UInt64) -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var mixed = (state ^ (state >> 30)) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
    return (mixed ^ (mixed >> 31)) % bound
  }
}
