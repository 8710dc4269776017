// How a trace in precise mode is made, and what came of it.
internal import CFibrilContract
public import TraceEvents

extension PreciseSession {
  /// How the trace is made.
  public struct Options: Sendable {
    /// Room for records between the process and the tracer, in bytes; a power of two and a multiple
    /// of the page.
    public var ringBytes: Int
    /// Each block comes with the user stack it was made with. Costs about as much again as the event.
    public var stacks: Bool
    /// What is recorded.
    public var filter: Filter

    /// How many different stacks there is room for; a power of two.
    var stackSlots = 16384

    /// A trace of everything, without stacks, unless told otherwise.
    public init(ringBytes: Int = 64 << 20, stacks: Bool = false, filter: Filter = Filter()) {
      self.ringBytes = ringBytes
      self.stacks = stacks
      self.filter = filter
    }
  }

  /// Which events are recorded. The kernel leaves the others out where they happen: they are not
  /// numbered, and are no loss. What is nil lets everything through.
  public struct Filter: Equatable, Sendable {
    /// Of this task only.
    public var task: UInt64?
    /// Of this fibril only: its submit, switches to it and from it, its blocks, wakes and teardown, and
    /// the starts and stops of tasks.
    public var fibril: UInt64?
    /// Only these kinds.
    public var kinds: Set<Kind>?
    /// Blocks for these reasons only; their numbers are below 64.
    public var reasons: Set<BlockReason>?

    /// A filter that lets everything through unless told otherwise.
    public init(
      task: UInt64? = nil, fibril: UInt64? = nil, kinds: Set<Kind>? = nil, reasons: Set<BlockReason>? = nil
    ) {
      self.task = task
      self.fibril = fibril
      self.kinds = kinds
      self.reasons = reasons
    }
  }

  /// A kind of event, by the name of its probe.
  public enum Kind: String, CaseIterable, Sendable {
    case taskStart = "task_start"
    case taskStop = "task_stop"
    case submit
    case `switch`
    case block
    case wake
    case teardown

    /// Of the event's first record.
    var record: UInt32 {
      switch self {
      case .taskStart: FIBRIL_RECORD_TASK_START.rawValue
      case .taskStop: FIBRIL_RECORD_TASK_STOP.rawValue
      case .submit: FIBRIL_RECORD_SUBMIT.rawValue
      case .switch: FIBRIL_RECORD_SWITCH.rawValue
      case .block: FIBRIL_RECORD_BLOCK.rawValue
      case .wake: FIBRIL_RECORD_WAKE.rawValue
      case .teardown: FIBRIL_RECORD_TEARDOWN.rawValue
      }
    }

    /// How many arguments the program takes from the probe.
    var arguments: Int {
      switch self {
      case .taskStart, .taskStop, .switch, .wake: 4
      case .submit: 6
      case .block: 5
      case .teardown: 3
      }
    }
  }

  /// What came of it.
  public struct Totals: Equatable, Sendable {
    /// Records that arrived, extensions and stacks among them.
    public var records: UInt64
    /// Records that never arrived.
    public var lost: UInt64
    /// Tasks of which records arrived or were lost.
    public var tasks: Int
    /// Different stacks that were told.
    public var stacks: Int
    /// Blocks that came without their stack.
    public var missedStacks: UInt64
    /// Submits whose name could not be read.
    public var missedNames: UInt64
    /// Nothing is lost beyond what is counted. Otherwise the process had more tasks than the account
    /// of loss has room for.
    public var isComplete: Bool
    /// Events came from another program that the process has become. They are left out.
    public var processWasReplaced: Bool
  }
}
