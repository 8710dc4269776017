// What a recording consists of, whether it goes to a file, comes out of one, or is shown at once.

/// Takes a recording piece by piece, in the order in which a tracer sees it and a `.fbt` file keeps it.
///
/// Processes are numbered from 0 in the order in which they begin. Of one task records come in the order of
/// their numbers and none comes twice; numbers that are left out were lost. Tasks need no order among each other.
public protocol RecordingSink {
  /// Adds a moment on both clocks. A pair later than the records of a task comes before them.
  mutating func add(_ pair: ClockPair) throws
  /// A process image is traced from here on. Comes before everything else of it.
  mutating func begin(_ process: RecordedProcess) throws
  /// What is mapped into the process, all of it, in place of what was said before.
  mutating func take(_ modules: [RecordedModule], of process: Int) throws
  /// The tasks and fibrils that were there already. At most once, before the process's first records.
  mutating func take(_ snapshot: ProcessSnapshot, of process: Int) throws
  /// Names of its table, the first of them at `index`, which is one past those told before.
  mutating func take(_ names: [String], from index: Int, of process: Int) throws
  /// A user stack, innermost program counter first, to which records of kind `stack` refer by `id`.
  mutating func take(stack: [UInt64], id: UInt32, of process: Int) throws
  /// A task's records below `number` are none of this recording's. Comes before its first ones.
  mutating func begin(task: UInt64, at number: UInt64, of process: Int) throws
  /// Successive records of a task, whole ones of `struct fibril_record`, the first numbered `first`.
  mutating func take(records: RawSpan, of task: UInt64, from first: UInt64, of process: Int) throws
  /// The task has written all records below `number`, and no more come: those that have not come were lost.
  mutating func end(task: UInt64, at number: UInt64, of process: Int) throws
  /// Nothing more comes of a process. `time` is CLOCK_MONOTONIC in ns.
  mutating func end(_ process: Int, _ ending: ProcessEnding, at time: UInt64) throws
  /// Whatever was recorded before `time`, CLOCK_MONOTONIC in ns, has been told, by all tasks.
  mutating func mark(_ time: UInt64) throws
}

/// A process image in a recording: a process that executes another program becomes a new one.
public struct RecordedProcess: Equatable, Sendable {
  /// How it came into the recording.
  public enum Origin: UInt8, Sendable {
    /// It ran already.
    case attached = 0
    /// The tracer started it.
    case started = 1
    /// A traced process forked it.
    case forked = 2
    /// A process executed it.
    case executed = 3
  }

  /// Its number in the recording.
  public var index: Int
  public var processID: Int32
  /// Of its parent; 0: not known.
  public var parentID: Int32
  /// The kernel's short name of it.
  public var command: String
  /// Path of its program, as the process itself sees it.
  public var executable: String
  public var origin: Origin
  /// The clock of its records.
  public var clock: TickClock.Source
  /// When its recording begins, CLOCK_MONOTONIC in ns.
  public var begin: UInt64

  public init(
    index: Int, processID: Int32, parentID: Int32 = 0, command: String, executable: String = "",
    origin: Origin = .attached, clock: TickClock.Source = .timeStampCounter, begin: UInt64
  ) {
    self.index = index
    self.processID = processID
    self.parentID = parentID
    self.command = command
    self.executable = executable
    self.origin = origin
    self.clock = clock
    self.begin = begin
  }
}

/// A stretch of a file that a process has mapped for execution.
public struct RecordedModule: Equatable, Sendable {
  /// Addresses in the process.
  public var addresses: Range<UInt64>
  /// Where in the file the first of them lies.
  public var fileOffset: UInt64
  /// As the process itself sees it.
  public var path: String
  /// Empty if the file has none or could not be read.
  public var buildID: [UInt8]

  public init(addresses: Range<UInt64>, fileOffset: UInt64, path: String, buildID: [UInt8]) {
    self.addresses = addresses
    self.fileOffset = fileOffset
    self.path = path
    self.buildID = buildID
  }
}

/// How the recording of a process ended.
public enum ProcessEnding: Equatable, Sendable {
  /// The trace ended before the process.
  case traceEnded
  /// The process ended. `status` is as from wait(2): code << 8, or the signal; nil: not known.
  case exited(status: Int32?)
  /// It executed another program.
  case executed
}
