/// One event of one task, decoded: extension records are joined to the record they extend, and time
/// is CLOCK_MONOTONIC in nanoseconds.
public struct Event: Equatable, Sendable {
  public var time: UInt64
  public var task: UInt64
  /// Number of the event's first record in its task.
  public var number: UInt64
  public var body: Body

  public init(time: UInt64, task: UInt64, number: UInt64, body: Body) {
    self.time = time
    self.task = task
    self.number = number
    self.body = body
  }

  /// What happened. Fibril 0 is the task's sleep in the kernel; a parent or waker of 0 is unknown.
  public enum Body: Equatable, Sendable {
    case taskStart(root: UInt64, threadID: UInt32)
    case taskStop(root: UInt64)
    /// A system call was submitted: it is a fibril without code of its own.
    case submitCall(fibril: UInt64, parent: UInt64, call: UInt32)
    /// A closure was submitted. `name` indexes the process's name table; 0 is none.
    case submitClosure(fibril: UInt64, parent: UInt64, entry: UInt64, name: UInt32)
    case `switch`(from: UInt64, to: UInt64, previousState: FibrilState)
    /// `deadline` is CLOCK_MONOTONIC in nanoseconds, `stack` the id of a user stack that the recording holds; 0 is none.
    case block(fibril: UInt64, reason: BlockReason, stack: UInt32 = 0, object: UInt64, deadline: UInt64)
    case wake(fibril: UInt64, byTask: UInt32, byFibril: UInt64)
    case teardown(fibril: UInt64, result: Int64)
    /// `records` records of this task, numbered from `number`, never arrived; `time` is that of the
    /// last record before the gap (0: there was none).
    case lost(records: UInt64)
  }
}

/// A fibril's state, by the numbers of `enum fibril_state`.
public struct FibrilState: RawRepresentable, Hashable, Sendable {
  public var rawValue: UInt8
  public init(rawValue: UInt8) { self.rawValue = rawValue }
  public static let none = FibrilState(rawValue: 0)
  public static let runnable = FibrilState(rawValue: 1)
  public static let running = FibrilState(rawValue: 2)
  public static let blocked = FibrilState(rawValue: 3)
  public static let dead = FibrilState(rawValue: 4)
}

/// Why a fibril is blocked, by the numbers of `enum fibril_reason`. Unknown numbers are kept.
public struct BlockReason: RawRepresentable, Hashable, Sendable {
  public var rawValue: UInt32
  public init(rawValue: UInt32) { self.rawValue = rawValue }
  public static let none = BlockReason(rawValue: 0)
  public static let call = BlockReason(rawValue: 1)
  public static let wakeTarget = BlockReason(rawValue: 2)
  public static let join = BlockReason(rawValue: 3)
  public static let completions = BlockReason(rawValue: 4)
  public static let sleep = BlockReason(rawValue: 5)
  public static let mutex = BlockReason(rawValue: 6)
  public static let semaphore = BlockReason(rawValue: 7)
  public static let condition = BlockReason(rawValue: 8)
  public static let send = BlockReason(rawValue: 9)
  public static let receive = BlockReason(rawValue: 10)
}
