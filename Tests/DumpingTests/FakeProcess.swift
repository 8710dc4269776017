// A process made of fibrils that a test makes up: nothing of it is mapped, and no stack can be read.
import CFibrilContract
import TraceEvents

@testable import Dumping
@testable import Inspection

/// Memory of which nothing can be read.
struct NoMemory: MemoryReader {
  func copy(_ ranges: ArraySlice<Range<UInt64>>, to bytes: inout [UInt8], at offset: Int) -> Int { 0 }
}

/// The time of all fake tables.
let fakeTime: UInt64 = 100_000_000_000

struct FakeProcess: InspectedProcess {
  var fibrils: [FibrilSnapshot]
  var tasks: [TaskSnapshot]
  var names: [String] = [""]
  /// Fibrils that were cancelled, and those that others have asked for.
  var cancelled: Set<UInt64> = []
  var askedFor: Set<UInt64> = []
  /// Whether entries are still as they were when they are looked at once more.
  var isSteady = true
  var captures: [UInt32: ThreadCapture] = [:]
  var descriptors: [Int32: String] = [:]

  let processID: Int32 = 4711
  let command = "fake"
  let map = MemoryMap(mappings: [])
  let modules: [Module] = []

  init(_ fibrils: [FibrilSnapshot]) {
    self.fibrils = fibrils
    tasks = Set(fibrils.map(\.task)).sorted().map { task in
      let running = fibrils.first { $0.task == task && $0.state == .running }?.fibril ?? 0
      return TaskSnapshot(
        task: task, threadID: UInt32(5000 + task), running: running, root: 1,
        runnable: UInt64(fibrils.count { $0.task == task && $0.state == .runnable }), nextNumber: 0,
        counts: EventCounts())
    }
  }

  func copies(of ranges: [Range<UInt64>]) -> MemoryCopy { NoMemory().read(ranges) }

  func read(wants: FibrilCopies.Wanted, onFibril: (FibrilSnapshot, FibrilCopies) -> Void) -> Inspection {
    var snapshot = ProcessSnapshot(
      processID: processID, command: command, ident: 1, time: fakeTime, runtime: "Fake 1")
    snapshot.tasks = tasks
    snapshot.fibrils = fibrils
    snapshot.names = names
    for fibril in fibrils {
      var entry = fibril_entry()
      entry.id = fibril.fibril
      if cancelled.contains(fibril.fibril) { entry.flags = UInt8(FIBRIL_ENTRY_CANCELLED.rawValue) }
      if askedFor.contains(fibril.fibril) { entry.inbound_pending = 1 }
      var copies = FibrilCopies()
      copies.mark = EntryMark(entry, at: fibril.fibril)
      onFibril(fibril, copies)
    }
    return Inspection(snapshot: snapshot)
  }

  func running() -> [UInt64: UInt64] {
    Dictionary(tasks.map { ($0.task, $0.running) }, uniquingKeysWith: { first, _ in first })
  }

  func capture(threadID: UInt32, pointed: PointedRanges) -> ThreadCapture {
    captures[threadID] ?? .unavailable("it is made up")
  }

  func neverUsed(_ stacks: [Range<UInt64>]) -> [UInt64?] { stacks.map { _ in nil } }
  func areUnchanged(_ marks: [EntryMark]) -> Bool { isSteady }
  func descriptorName(_ descriptor: Int32) -> [UInt8]? { descriptors[descriptor].map { Array($0.utf8) } }

  /// What a dump of it looks like.
  func text(_ format: DumpFormat, _ selection: Selection = Selection()) -> String {
    var bytes: [UInt8] = []
    ProcessDump(of: self).write(format, selection) { (piece) throws(Never) in bytes += piece }
    return String(decoding: bytes, as: UTF8.self)
  }
}

extension FibrilSnapshot {
  /// A fibril that has been blocked for so many seconds.
  static func blocked(
    _ id: UInt64, on reason: BlockReason, _ object: UInt64 = 0, owner: UInt64 = 0, task: UInt64 = 1,
    seconds: UInt64 = 1
  ) -> FibrilSnapshot {
    var fibril = FibrilSnapshot(fibril: id, task: task, state: .blocked)
    fibril.reason = reason
    fibril.object = object
    fibril.owner = owner
    fibril.since = fakeTime - seconds * 1_000_000_000
    return fibril
  }
}
