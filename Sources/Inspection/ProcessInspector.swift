// A live process, looked at from outside: its modules, its fibril table, its threads.
public import TraceEvents
internal import Glibc

/// Reads the fibrils of a live process, which is neither stopped nor written to.
public struct ProcessInspector {
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
    modules = map.modules(ofProcess: thread)
    table = try Self.table(in: notes.roots(in: modules), memory, processID)
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

  /// The names from an index on that there are by now; none once the process is gone.
  public func names(from first: Int) -> [String] { table.names(from: first) }

  /// Which fibril each task runs at this moment, by the task's id; 0: none.
  public func running() -> [UInt64: UInt64] { table.running() }

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
