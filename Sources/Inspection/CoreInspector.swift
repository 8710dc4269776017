// A process out of its core file: what `ProcessInspector` is for a live one.
public import TraceEvents
internal import CFibrilContract
internal import ELFNotes
internal import Glibc

/// Reads the fibrils of a process that a core file holds. Nothing in the file is believed.
public struct CoreInspector: InspectedProcess {
  public let processID: Int32
  public let command: String
  public let map: MemoryMap
  public let modules: [Module]
  /// Nothing was stopped.
  public var stop: StopAccount? { nil }
  /// What the file says of the process's end, and what is missing, a sentence each.
  public private(set) var remarks: [String]
  private let memory: CoreMemory
  private let threads: [UInt32: CoreThread]
  private var table: TableReader<CoreMemory>
  /// A later reading of both clocks; nil if the core file is of another boot or machine.
  private let clock: ClockPair?

  /// Opens a core file. `program` is the file of the main program, where it is not where it was.
  /// Throws `CoreError`.
  public init(core path: String, program: String? = nil) throws(CoreError) {
    let core: CoreFile
    do throws(ELFError) {
      core = try CoreFile(path: path)
    } catch {
      if case .notELF = error { throw .notCore(path: path) }
      throw .unreadable(error)
    }
    guard core.isCore else { throw .notCore(path: path) }
    guard core.machine == CoreNotes.machine else { throw .otherMachine(path: path, machine: core.machine) }
    guard let file = OpenFile(path) else { throw .unreadable(.cannotOpen(path: path, errno: errno)) }
    let notes = CoreNotes(core.notes)
    let missing =
      core.segments.map { ($0.fileOffset &+ $0.fileBytes).subtractingReportingOverflow(file.bytes) }
      .filter { !$0.overflow }.map(\.partialValue).max() ?? 0

    var memory = CoreMemory()
    for segment in core.segments { memory.add(segment.address, segment.fileBytes, file, at: segment.fileOffset) }
    memory.sort()
    var found = try CoreModules(notes, core.segments, memory, core: path, program: program)
    found.addFiles(notes, core.segments, to: &memory)
    memory.sort()
    processID = notes.processID
    command = notes.command
    map = MemoryMap(core.segments, vdso: notes.auxiliary[33])  // AT_SYSINFO_EHDR
    modules = found.modules
    threads = Dictionary(notes.threads.map { ($0.threadID, $0) }) { first, _ in first }
    self.memory = memory
    table = try Self.table(in: modules, memory, notes.processID, path, missing, found.problems)
    let clock = Self.laterReading(than: table.root)
    self.clock = clock
    table.now = { clock }

    remarks = ["out of the core file \(path)\(Self.ending(notes))"]
    remarks.append("ages are reckoned from the last change of any fibril")
    if clock == nil {
      remarks.append("the core file is of another boot or machine, whose clock is not known: there are no ages")
    }
    if missing > 0 { remarks.append("the core file is cut off: \(missing) bytes of memory are missing") }
    remarks += found.problems
  }

  private static func ending(_ notes: CoreNotes) -> String {
    guard notes.signal > 0, notes.signal < 65, let name = unsafe strsignal(notes.signal) else { return "" }
    var text = ", signal \(notes.signal) (\(unsafe String(cString: name)))"
    if let address = notes.faultAddress { text += " at address 0x\(String(address, radix: 16))" }
    if let thread = notes.threads.first { text += " in thread \(thread.threadID)" }
    return text
  }

  /// The first table that is in use, or what is wrong with the last one.
  private static func table(
    in modules: [Module], _ memory: CoreMemory, _ process: Int32, _ path: String, _ missing: UInt64,
    _ problems: [String]
  ) throws(CoreError) -> TableReader<CoreMemory> {
    var failure: CoreError?
    for module in modules {
      let distance =
        module.file.isEmpty
        ? ModuleImage(of: module.addresses, memory)?.tableDistance : ModuleImage.tableDistance(inFile: module.file)
      guard let distance else { continue }
      do throws(InspectionError) {
        return try TableReader(memory: memory, rootAddress: module.base &+ distance, processID: process)
      } catch {
        if case .damagedTable(_, let detail) = error {
          failure = .damagedTable(path: path, detail: detail)
        } else if missing > 0 {
          failure = .cutOff(path: path, missing: missing, detail: "the fibril table of \(lastPart(module.name))")
        } else {
          failure = .noTable(
            path: path,
            detail: "\(module.name) has a runtime, but no thread was a task, or the memory of it was not dumped")
        }
      }
    }
    if let failure { throw failure }
    if modules.isEmpty, missing > 0 { throw .cutOff(path: path, missing: missing, detail: "the list of its files") }
    throw .noTable(
      path: path, detail: (["no module links a fibril runtime"] + problems).joined(separator: "; "))
  }

  /// Ticks are turned into time by two readings, and the table has one. This machine's own will do if
  /// the rate between both is this machine's: then they are of the same boot.
  private static func laterReading(than root: fibril_root) -> ClockPair? {
    if root.clock == UInt64(FIBRIL_CLOCK_MONOTONIC.rawValue) { return .now() }
    let first = ClockPair.now()
    usleep(10_000)
    let second = ClockPair.now()
    guard second.ticks > first.ticks, second.ticks > root.clock_ticks, second.nanoseconds > root.clock_ns else {
      return nil
    }
    let rate = Double(second.nanoseconds - first.nanoseconds) / Double(second.ticks - first.ticks)
    let since = Double(second.nanoseconds - root.clock_ns) / Double(second.ticks - root.clock_ticks)
    return abs(since / rate - 1) < 1e-3 ? second : nil
  }

  public func copies(of ranges: [Range<UInt64>]) -> MemoryCopy { memory.read(ranges) }

  public func read(
    wants: FibrilCopies.Wanted, onFibril: (FibrilSnapshot, FibrilCopies) -> Void
  ) -> Inspection {
    var inspection = table.read(command: command, wants: wants, isStill: true) { fibril, copies in
      onFibril(timed(fibril), copies)
    }
    for index in inspection.snapshot.fibrils.indices {
      inspection.snapshot.fibrils[index] = timed(inspection.snapshot.fibrils[index])
    }
    inspection.snapshot.time = inspection.snapshot.fibrils.lazy.map(\.since).max() ?? 0
    return inspection
  }

  private func timed(_ fibril: FibrilSnapshot) -> FibrilSnapshot {
    var fibril = fibril
    if clock == nil { fibril.since = 0 }
    return fibril
  }

  public func running() -> [UInt64: UInt64] { table.running() }

  public func capture(threadID: UInt32, pointed: PointedRanges) -> ThreadCapture {
    guard let thread = threads[threadID] else { return .unavailable("the core file has no such thread") }
    let stackPointer = thread.registers.stackPointer
    let range = Range(stackPointer, bytes: TableLimits.stackBytes) ?? stackPointer..<stackPointer
    let stack = StackCopy(address: stackPointer, bytes: memory.read([range])[0])
    guard var call = thread.call else { return .onCPU(thread.registers, stack) }
    call.pointed = memory.read(pointed: [pointed(call.number, call.arguments)])[0]
    return .inCall(call, thread.registers, stack)
  }

  /// Pages that were never touched are zeros in a core file.
  public func neverUsed(_ stacks: [Range<UInt64>]) -> [UInt64?] {
    var budget = 1 << 30
    return stacks.map { memory.leadingZeros(of: $0, &budget) }
  }
}

private func lastPart(_ path: String) -> Substring { path.split(separator: "/").last ?? Substring(path) }

extension CoreMemory {
  /// In whole pages; nil where it is not in the file, or when the budget of bytes is used up.
  func leadingZeros(of range: Range<UInt64>, _ budget: inout Int) -> UInt64? {
    let pageBytes: UInt64 = 4096
    var address = range.lowerBound
    while address < range.upperBound {
      let end = address + min(range.upperBound - address, pageBytes - address % pageBytes)
      budget -= Int(end - address)
      let page = read([address..<end])[0]
      guard budget > 0, page.count == Int(end - address) else { return nil }
      if page.contains(where: { $0 != 0 }) { break }
      address = end
    }
    return address - range.lowerBound
  }
}

extension MemoryMap {
  /// Of a core file's segments. Only the vdso has a name.
  fileprivate init(_ segments: [CoreSegment], vdso: UInt64?) {
    // No vdso is larger.
    let vdsoBytes: UInt64 = 64 << 10
    self.init(
      mappings: segments.sorted { $0.address < $1.address }.compactMap { segment in
        let isVDSO = segment.address == vdso && segment.address != 0
        return Range(segment.address, bytes: isVDSO ? min(segment.memoryBytes, vdsoBytes) : segment.memoryBytes).map {
          Mapping(
            addresses: $0, isReadable: segment.isReadable, isExecutable: segment.isExecutable, fileOffset: 0,
            device: "", inode: 0, path: isVDSO ? "[vdso]" : "")
        }
      })
  }
}
