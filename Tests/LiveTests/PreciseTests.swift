// Precise mode against a program that knows its own counts: everything arrives, filters leave out just
// what they should, and what is lost is known exactly.
import Foundation
import Inspection
import Symbols
import Testing

@testable import BPFLoader
@testable import TraceEvents

@Suite struct PreciseTests {
  let workload = builtPrograms.appending(path: "fibril-workload").path

  private func arguments(_ more: String...) -> [String] { more + ["--wait-for-tracer", "60"] }

  private func counts(of trace: PreciseTrace) throws -> [String: UInt64] {
    try numbers(Data(trace.subject.outputAtEnd().utf8))
  }

  @Test(arguments: PreciseObject.Way.allCases)
  func everyEventArrives(way: PreciseObject.Way) throws {
    var trace = try PreciseTrace(
      workload, arguments("--tasks", "2", "--fibrils", "50", "--blocks", "20"), by: way)
    let start = ClockPair.now().nanoseconds
    let totals = try trace.run()
    let printed = try counts(of: trace)
    let seen = trace.recording
    #expect(totals.lost == 0 && totals.tasks == 2 && totals.isComplete && totals.missedNames == 0)
    #expect(totals.records == UInt64(seen.records.count) && seen.ending == .traceEnded)
    #expect(seen.process?.clock == .monotonic)
    for (kind, name) in [
      (PlainRecord.submit, "submits"), (PlainRecord.block, "blocks"), (PlainRecord.wake, "wakes"),
      (PlainRecord.teardown, "teardowns"),
    ] {
      #expect(seen.count(kind) == printed[name], "\(name)")
    }
    #expect(seen.count(PlainRecord.switch) == printed["switches"]! + printed["sleeps"]! + printed["resumes"]!)
    #expect(seen.count(PlainRecord.taskStart) == 2)
    let roots = seen.records.filter { $0.kind == PlainRecord.taskStart }.map(\.fibril)
    #expect(Set(roots) == Set(seen.records.filter { $0.kind == PlainRecord.submit }.map(\.arg)))
    // Each task has its worker-0 to worker-49, by one index a name.
    let names = seen.records.filter { $0.kind == PlainRecord.submitEntry }.map { seen.names[Int($0.arg32)] }
    #expect(names.sorted() == (0..<50).flatMap { Array(repeating: "worker-\($0)", count: 2) }.sorted())
    #expect(seen.names.count == 51)
    let end = ClockPair.now().nanoseconds
    for task in Set(seen.records.map(\.task)) {
      let times = seen.records.filter { $0.task == task }.map(\.time)
      #expect(times == times.sorted() && times[0] >= start && times.last! <= end)
    }
  }

  @Test func aTaskIsFilteredInTheKernel() throws {
    var trace = try PreciseTrace(
      workload, arguments("--tasks", "2", "--fibrils", "50", "--blocks", "5"),
      PreciseSession.Options(filter: PreciseSession.Filter(task: 1)))
    let totals = try trace.run()
    let printed = try counts(of: trace)
    #expect(totals.lost == 0 && totals.tasks == 1)
    #expect(trace.recording.records.allSatisfy { $0.task == 1 })
    #expect(trace.recording.count(PlainRecord.submit) == printed["submits"]! / 2)
    #expect(trace.recording.count(PlainRecord.teardown) == printed["teardowns"]! / 2)
  }

  @Test func aFibrilIsFilteredInTheKernel() throws {
    let fibril: UInt64 = 5
    var trace = try PreciseTrace(
      workload, arguments("--fibrils", "50", "--blocks", "7"),
      PreciseSession.Options(filter: PreciseSession.Filter(fibril: fibril)))
    let totals = try trace.run()
    let seen = trace.recording
    #expect(totals.lost == 0)
    for (kind, count) in [
      (PlainRecord.submit, 1), (PlainRecord.block, 7), (PlainRecord.wake, 7), (PlainRecord.teardown, 1),
    ] as [(UInt16, UInt64)] {
      #expect(seen.count(kind) == count && seen.count(kind) { $0.fibril == fibril } == count)
    }
    let switches = seen.records.filter { $0.kind == PlainRecord.switch }
    #expect(switches.count { $0.fibril == fibril } == 8 && switches.count { $0.arg == fibril } == 8)
    #expect(switches.allSatisfy { $0.fibril == fibril || $0.arg == fibril })
  }

  @Test func kindsAreFilteredInTheKernel() throws {
    var trace = try PreciseTrace(
      workload, arguments("--tasks", "2", "--fibrils", "50", "--blocks", "5"),
      PreciseSession.Options(filter: PreciseSession.Filter(kinds: [.wake, .teardown])))
    // Nobody listens to the others.
    #expect(try trace.semaphores().count { $0 > 0 } == 2)
    let totals = try trace.run()
    let printed = try counts(of: trace)
    #expect(totals.lost == 0)
    #expect(totals.records == printed["wakes"]! + printed["teardowns"]!)
    #expect(trace.recording.count(PlainRecord.wake) == printed["wakes"])
  }

  @Test func reasonsAreFilteredInTheKernel() throws {
    var trace = try PreciseTrace(
      workload, arguments("--tasks", "2", "--fibrils", "50", "--blocks", "5"),
      PreciseSession.Options(filter: PreciseSession.Filter(kinds: [.block], reasons: [.sleep])))
    let totals = try trace.run()
    // Each with its deadline in a second record.
    #expect(totals.lost == 0 && totals.records == 2 * 2 * 50 * 5)
    #expect(trace.recording.count(PlainRecord.block) { $0.arg32 == BlockReason.sleep.rawValue } == 2 * 50 * 5)
  }

  /// Received and lost make up what was made, to the record and by task, when the ring is far too small.
  @Test func lossIsExact() throws {
    var trace = try PreciseTrace(
      workload, arguments("--tasks", "2", "--fibrils", "100", "--blocks", "200", "--kind", "yield"),
      PreciseSession.Options(ringBytes: 1 << 16))
    let totals = try trace.run(reading: false)
    let printed = try counts(of: trace)
    let made =
      2 * printed["submits"]! + printed["teardowns"]! + printed["blocks"]! + printed["wakes"]! + printed["switches"]!
      + printed["sleeps"]! + printed["resumes"]! + 2 * 2
    #expect(totals.records > 100 && totals.lost > 30_000)
    #expect(totals.records + totals.lost == made && totals.isComplete)
    #expect(trace.recording.lost.values.reduce(0, +) == totals.lost && trace.recording.lost.count == 2)
    // Both tasks have done the same.
    for task in trace.recording.lost.keys {
      let received = UInt64(trace.recording.records.count { $0.task == task })
      #expect(received + trace.recording.lost[task]! == made / 2)
    }
  }

  @Test(arguments: [2, 7])
  func blocksComeWithTheirStacks(depth: Int) throws {
    var trace = try PreciseTrace(
      workload,
      arguments(
        "--tasks", "2", "--fibrils", "20", "--blocks", "3", "--park", "0.1", "--depth", "\(depth)"),
      PreciseSession.Options(stacks: true))
    let mappings = try MemoryMap(processID: trace.subject.id).mappings.filter { $0.path == workload }
    let totals = try trace.run()
    let printed = try counts(of: trace)
    let seen = trace.recording
    #expect(totals.lost == 0 && totals.missedStacks == 0 && totals.stacks == seen.stacks.count)
    #expect(seen.count(PlainRecord.block) == printed["blocks"] && seen.count(PlainRecord.stack) == printed["blocks"])
    let symbolizer = Symbolizer(modules: [
      SymbolModule(
        name: workload, source: .file(workload), base: mappings[0].addresses.lowerBound,
        addresses: mappings[0].addresses.lowerBound..<mappings.last!.addresses.upperBound)
    ])
    let own: Set = ["parkHere", "levelEven", "levelOdd"]
    let parents = Dictionary(
      seen.records.filter { $0.kind == PlainRecord.submit }.map { ($0.fibril, $0.arg) }, uniquingKeysWith: { $1 })
    var parked = 0
    for (index, record) in seen.records.enumerated() where record.kind == PlainRecord.stack {
      let block = try #require(
        seen.records[..<index].last { $0.kind == PlainRecord.block && $0.task == record.task })
      #expect(block.fibril == record.fibril)
      let functions = seen.stacks[record.arg32]!.compactMap { symbolizer.symbol(at: $0)?.name }
        .map { String($0.prefix { $0 != "(" }) }
      let isWorker = parents[block.fibril] != nil
      if isWorker { #expect(functions.contains("fibril_context_start"), "\(functions)") }
      if isWorker, block.arg32 == BlockReason.wakeTarget.rawValue {
        #expect(functions.filter { own.contains($0) } == DumpTests.parkedFunctions(depth: depth), "\(functions)")
        parked += 1
      }
    }
    #expect(parked == 2 * 20)
  }

  /// Stacks that collide are refused: blocks come without one rather than with another's.
  /// They are in the picture and in the table, with their functions' names.
  @Test(arguments: ["json", "csv"]) func stacksAreExported(ending: String) throws {
    let folder = try TemporaryFolder()
    let (recording, exported) = (folder.file("trace.fbt"), folder.file("trace.\(ending)"))
    let run = try ToolRun.fibril(
      "trace", "--mode", "precise", "--stacks", "-o", recording, "--", workload, "--fibrils", "3", "--blocks", "0",
      "--park", "0.1", "--depth", "3")
    #expect(run.status == 0, "\(run.errors)")
    #expect(try ToolRun.fibril("export", recording, "-o", exported).status == 0)
    let text = try String(contentsOfFile: exported, encoding: .utf8)
    let parked = text.split(separator: "\n").filter { $0.contains("wake target") || $0.contains(",wake_target,") }
    // The root parks as well, elsewhere.
    let whole = parked.filter { line in
      line.contains("[fibril-workload]") && DumpTests.parkedFunctions(depth: 3).allSatisfy { line.contains($0 + "(") }
    }
    #expect(parked.count == 4 && whole.count == 3, "\(parked)")
  }

  @Test func stacksWithoutRoomAreCounted() throws {
    var options = PreciseSession.Options(stacks: true, filter: PreciseSession.Filter(kinds: [.block]))
    options.stackSlots = 1
    var trace = try PreciseTrace(workload, arguments("--fibrils", "20", "--blocks", "3", "--kind", "sleep"), options)
    let totals = try trace.run()
    let printed = try counts(of: trace)
    let seen = trace.recording
    #expect(totals.stacks == 1 && totals.missedStacks > 0 && totals.lost == 0)
    #expect(seen.count(PlainRecord.block) == printed["blocks"])
    #expect(seen.count(PlainRecord.stack) + totals.missedStacks == printed["blocks"])
  }

  /// The reader sleeps on: it looks by itself, and is woken only when the ring fills.
  @Test(arguments: [(blocks: 10, wakes: false), (blocks: 4000, wakes: true)])
  func recordsDoNotWakeTheReader(blocks: Int, wakes: Bool) throws {
    let trace = try PreciseTrace(
      workload, arguments("--fibrils", "2", "--blocks", "\(blocks)", "--kind", "yield"),
      PreciseSession.Options(ringBytes: 1 << 20))
    kill(trace.subject.id, SIGCONT)
    trace.subject.process.waitUntilExit()
    var descriptor = pollfd(fd: trace.session.pollDescriptor, events: Int16(POLLIN), revents: 0)
    #expect(unsafe poll(&descriptor, 1, 0) == (wakes ? 1 : 0))
    var recording = trace.recording
    let totals = try trace.session.finish(into: &recording)
    #expect(totals.records > UInt64(2 * blocks) && totals.lost == 0)
  }

  /// In a file of its own: other tests listen to the workload's.
  @Test func afterwardsNobodyListens() throws {
    let folder = try TemporaryFolder()
    defer { withExtendedLifetime(folder) {} }
    let program = folder.file("program")
    try FileManager.default.copyItem(atPath: workload, toPath: program)
    var trace = try PreciseTrace(program, arguments("--fibrils", "5", "--blocks", "1"))
    #expect(try trace.semaphores() == Array(repeating: 1, count: 7))
    trace.session.detach()
    #expect(try trace.semaphores() == Array(repeating: 0, count: 7))
    let totals = try trace.session.finish(into: &trace.recording)
    #expect(totals.records == 0 && totals.lost == 0 && totals.tasks == 0)
  }

  /// Fibrils that were there before are told with numbers of this session, and their names with its indices.
  @Test func aSnapshotIsNumberedAnew() throws {
    let subject = try Subject(workload, ["--tasks", "2", "--fibrils", "20", "--blocks", "2", "--park", "2"])
    _ = try subject.wait { DumpTests.isParked($0, 40) && $0.tasks.allSatisfy { $0.running == 0 } }
    let folder = try #require(ProcessFolder(processID: subject.id))
    let session = try PreciseSession(
      process: subject.id, files: ProbedFile.all(of: folder, for: .events))
    var recording = KeptRecording()
    try session.attach()
    try session.begin(RecordedProcess(index: 0, processID: subject.id, command: "", begin: 0), into: &recording)
    try session.takeSnapshot(into: &recording) { try ProcessInspector(processID: subject.id).read().snapshot }
    let snapshot = try #require(recording.snapshot)
    #expect(snapshot.fibrils.count == 42 && snapshot.fibrils.allSatisfy { $0.nextNumber == 0 })
    let names = snapshot.fibrils.map { recording.names[Int($0.name)] }
    #expect(Set(names) == Set(["root"] + (0..<20).map { "worker-\($0)" }))
    while subject.process.isRunning { if try !session.collect(into: &recording) { usleep(1000) } }
    let totals = try session.finish(into: &recording)
    #expect(totals.lost == 0 && recording.count(PlainRecord.teardown) == 40)
  }

  /// What happened before the table was read has a number below the snapshot's.
  @Test func aSnapshotUnderLoadIsNumberedBehindWhatItShows() throws {
    let subject = try Subject(
      workload, ["--tasks", "2", "--fibrils", "20", "--blocks", "1000000"])
    _ = try subject.wait {
      $0.tasks.count == 2 && $0.fibrils.count == 42 && $0.tasks.allSatisfy { $0.counts.switches > 100 }
    }
    let folder = try #require(ProcessFolder(processID: subject.id))
    // Room for the first events of each, which are those that count here.
    let session = try PreciseSession(
      process: subject.id, files: ProbedFile.all(of: folder, for: .events),
      options: PreciseSession.Options(ringBytes: 1 << 20))
    var recording = KeptRecording()
    try session.attach()
    try session.begin(RecordedProcess(index: 0, processID: subject.id, command: "", begin: 0), into: &recording)
    try session.takeSnapshot(into: &recording) {
      let first = try subject.wait { _ in true }
      return try subject.wait { snapshot in
        zip(snapshot.tasks, first.tasks).allSatisfy { $0.counts.switches > $1.counts.switches + 100 }
      }
    }
    let snapshot = try #require(recording.snapshot)
    let numbers = Dictionary(uniqueKeysWithValues: snapshot.tasks.map { ($0.task, $0.nextNumber) })
    #expect(numbers.values.allSatisfy { $0 > 100 })
    #expect(snapshot.fibrils.allSatisfy { $0.nextNumber == numbers[$0.task] })
    kill(subject.id, SIGKILL)
    _ = try session.finish(into: &recording)
    let older = recording.records.filter { $0.time < snapshot.time }
    #expect(older.count > 200 && older.allSatisfy { $0.number < numbers[$0.task]! })
  }
}
