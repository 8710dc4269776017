// A live process, looked at from outside: its modules, its fibril table, its threads.
public import TraceEvents
internal import Glibc

/// A process whose fibrils can be read: a live one, or what a core file holds of one.
public protocol InspectedProcess {
  /// Its id here, not in its own PID namespace.
  var processID: Int32 { get }
  /// The process's name as the kernel had it, at most 15 bytes long.
  var command: String { get }
  /// Its memory's layout when it was first looked at.
  var map: MemoryMap { get }
  /// The files whose code it has mapped.
  var modules: [Module] { get }
  /// For how long it was stopped to be read; nil: it was not.
  var stop: StopAccount? { get }
  /// Folders that may stand for `/` as the process sees it.
  var roots: [String] { get }
  /// Its perf map, if there can be one.
  var codeNames: CodeNames? { get }
  /// What is to be known before its fibrils are looked at, a sentence each.
  var remarks: [String] { get }
  /// Copies memory.
  func copies(of ranges: [Range<UInt64>]) -> MemoryCopy
  /// Reads all tasks, fibrils and names. For `onFibril` see `TableReader.read`.
  func read(wants: FibrilCopies.Wanted, onFibril: (FibrilSnapshot, FibrilCopies) -> Void) -> Inspection
  /// Which fibril each task runs at this moment, by the task's id; 0: none.
  func running() -> [UInt64: UInt64]
  /// Looks at one of the process's threads, by its id as the process itself knows it.
  func capture(threadID: UInt32, pointed: PointedRanges) -> ThreadCapture
  /// Bytes at the low end of each stack that were never touched; nil where nobody knows.
  func neverUsed(_ stacks: [Range<UInt64>]) -> [UInt64?]
  /// What a descriptor is by now, such as a file's path, in any bytes; nil if nobody knows.
  func descriptorName(_ descriptor: Int32) -> [UInt8]?
  /// Whether all these entries are as they were read.
  func areUnchanged(_ marks: [EntryMark]) -> Bool
}

extension InspectedProcess {
  /// It was not stopped.
  public var stop: StopAccount? { nil }

  /// What stands still does not change.
  public func areUnchanged(_ marks: [EntryMark]) -> Bool { true }

  /// Nobody knows.
  public func descriptorName(_ descriptor: Int32) -> [UInt8]? { nil }
}

/// Reads the fibrils of a live process, which is neither stopped nor written to.
public struct ProcessInspector: InspectedProcess {
  /// Its id here, not in its own PID namespace.
  public let processID: Int32
  /// The process's name as the kernel has it, at most 15 bytes long.
  public let command: String
  /// Reads its memory.
  public let memory: ProcessMemory
  /// Its memory's layout when the inspector was made.
  public let map: MemoryMap
  /// The files whose code it has mapped.
  public let modules: [Module]
  private let table: TableReader<ProcessMemory>

  /// Finds the process's fibril table. The id of a thread stands for its process. `notes` may be
  /// shared by many. Throws `InspectionError`.
  public init(processID: Int32, notes: TableNotes = TableNotes()) throws(InspectionError) {
    guard processID > 0 else { throw .noSuchProcess(processID) }
    let folder = ProcessFolder(processID: processID)
    let processID = folder?.processID ?? processID
    self.processID = processID
    // Of a process whose main thread has exited, another thread's id leads to its memory.
    let thread = folder?.livingThreadID ?? processID
    map = try MemoryMap(processID: thread)
    memory = ProcessMemory(processID: thread)
    // A zombie and a kernel thread have no memory.
    guard let readable = map.mappings.first(where: \.isReadable) else { throw .noTable(processID) }
    try memory.check(readableAddress: readable.addresses.lowerBound)
    command = Self.command(ofProcess: processID)
    modules = map.modules(ofProcess: thread, memory)
    table = try Self.table(in: notes.roots(in: modules, memory), memory, processID)
  }

  /// The first table that is in use, or what is wrong with the last one.
  private static func table(
    in roots: [UInt64], _ memory: ProcessMemory, _ processID: Int32
  ) throws(InspectionError) -> TableReader<ProcessMemory> {
    var failure = InspectionError.noTable(processID)
    for root in roots {
      do throws(InspectionError) {
        return try TableReader(memory: memory, rootAddress: root, processID: processID)
      } catch {
        failure = error
      }
    }
    throw failure
  }

  /// Which layout saved contexts have: `enum fibril_context`.
  public var contextKind: UInt32 { table.contextKind }

  /// Reads all tasks, fibrils and names. For `onFibril` see `TableReader.read`.
  public func read(
    wants: FibrilCopies.Wanted = .nothing, onFibril: (FibrilSnapshot, FibrilCopies) -> Void = { _, _ in }
  ) -> Inspection {
    table.read(command: command, wants: wants, onFibril: onFibril)
  }

  /// The same while the process stands still.
  func readStill(
    wants: FibrilCopies.Wanted, onFibril: (FibrilSnapshot, FibrilCopies) -> Void
  ) -> Inspection {
    table.read(command: command, wants: wants, isStill: true, onFibril: onFibril)
  }

  /// The names from an index on that there are by now; none once the process is gone.
  public func names(from first: Int) -> [String] { table.names(from: first) }

  /// Copies memory; what cannot be read is left out.
  public func copies(of ranges: [Range<UInt64>]) -> MemoryCopy { memory.read(ranges) }

  /// Bytes at the low end of each stack that were never touched, in whole pages; nil where nobody knows.
  public func neverUsed(_ stacks: [Range<UInt64>]) -> [UInt64?] {
    var use = StackUse(processID: memory.processID)
    return stacks.map { use.neverUsed($0) }
  }

  /// Which fibril each task runs at this moment, by the task's id; 0: none.
  public func running() -> [UInt64: UInt64] { table.running() }

  /// Whether all these entries are as they were read: then all of that was true at one moment.
  public func areUnchanged(_ marks: [EntryMark]) -> Bool { table.areUnchanged(marks) }

  /// A process's name as the kernel has it; empty if there is no such process.
  public static func command(ofProcess process: Int32) -> String {
    guard case .success(let text) = ProcFile.read("/proc/\(process)/comm") else { return "" }
    return String(text.prefix { $0 != "\n" })
  }

  /// The user that a process belongs to; nil if there is no such process.
  public static func userID(ofProcess process: Int32) -> UInt32? {
    var status = stat()
    return unsafe stat("/proc/\(process)", &status) == 0 ? status.st_uid : nil
  }

  /// All processes that there are and can be seen.
  public static func allProcesses() -> [Int32] {
    ProcFile.names(in: "/proc").compactMap { Int32($0) }.sorted()
  }
}
