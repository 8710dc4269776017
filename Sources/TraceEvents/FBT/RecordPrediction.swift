// What a record most likely says, given those in front of it: writer and reader of .fbt files guess alike, and only
// what differs is written.
internal import CFibrilContract

/// The head of a record in a chunk: its kind below, what was guessed right above. Zero ends a run of records.
enum RecordHead {
  static let kindMask: UInt8 = 0x0F
  /// A kind of more than four bits follows as a varint.
  static let largeKind: UInt8 = 0x0F
  static let sameTime: UInt8 = 0x10
  static let sameFibril: UInt8 = 0x20
  static let sameArgument: UInt8 = 0x40
  static let sameArgument32: UInt8 = 0x80
  static let endOfRun: UInt8 = 0
  /// No record takes more bytes: the head, a kind, three numbers of 64 bits and one of 32.
  static let mostBytes = 1 + 3 + 3 * 10 + 5
}

/// The state of one run of records. A run begins with a new one, so that it can be read without any other.
struct RecordPrediction {
  /// Of the latest record that was no wake: a wake has its waker's time.
  var time: UInt64
  /// The fibril that runs.
  private var running: UInt64 = 0
  /// From the fibril that ran before it.
  private var step: UInt64 = 0
  private var fibril: UInt64 = 0
  private var kind: UInt16 = 0
  private var submitted: UInt64 = 0
  private var entry: UInt64 = 0
  private var object: UInt64 = 0
  private var deadline: UInt64 = 0
  private var woken: UInt64 = 0
  private var waker: UInt64 = 0
  private var call: UInt32 = 0
  private var name: UInt32 = 0
  private var reason: UInt32 = 0
  private var wakerTask: UInt32 = 0
  private var stack: UInt32 = 0

  init(time: UInt64) {
    self.time = time
  }

  /// The record's fibril.
  @inline(__always) func fibril(_ kind: UInt16) -> UInt64 {
    switch UInt32(kind) {
    case FIBRIL_RECORD_SWITCH.rawValue:
      UInt32(self.kind) == FIBRIL_RECORD_WAKE.rawValue ? woken : running &+ step
    case FIBRIL_RECORD_SUBMIT.rawValue: submitted &+ 1
    case FIBRIL_RECORD_WAKE.rawValue: woken
    case FIBRIL_RECORD_BLOCK.rawValue, FIBRIL_RECORD_TEARDOWN.rawValue: running
    case FIBRIL_RECORD_PAD.rawValue: 0
    default: fibril
    }
  }

  @inline(__always) func argument(_ kind: UInt16) -> UInt64 {
    switch UInt32(kind) {
    case FIBRIL_RECORD_SWITCH.rawValue, FIBRIL_RECORD_SUBMIT.rawValue: running
    case FIBRIL_RECORD_SUBMIT_ENTRY.rawValue: entry
    case FIBRIL_RECORD_BLOCK.rawValue: object
    case FIBRIL_RECORD_BLOCK_DEADLINE.rawValue: deadline
    case FIBRIL_RECORD_WAKE.rawValue: waker
    default: 0
    }
  }

  @inline(__always) func argument32(_ kind: UInt16) -> UInt32 {
    switch UInt32(kind) {
    case FIBRIL_RECORD_SWITCH.rawValue: previousState
    case FIBRIL_RECORD_SUBMIT.rawValue: call
    case FIBRIL_RECORD_SUBMIT_ENTRY.rawValue: name
    case FIBRIL_RECORD_BLOCK.rawValue: reason
    case FIBRIL_RECORD_WAKE.rawValue: wakerTask
    case FIBRIL_RECORD_STACK.rawValue: stack
    default: 0
    }
  }

  /// The state of the fibril that a switch leaves.
  private var previousState: UInt32 {
    if running == 0 { return FIBRIL_STATE_NONE.rawValue }
    return switch UInt32(kind) {
    case FIBRIL_RECORD_BLOCK.rawValue, FIBRIL_RECORD_BLOCK_DEADLINE.rawValue: FIBRIL_STATE_BLOCKED.rawValue
    case FIBRIL_RECORD_TEARDOWN.rawValue: FIBRIL_STATE_DEAD.rawValue
    default: FIBRIL_STATE_RUNNABLE.rawValue
    }
  }

  /// Learns from a record.
  @inline(__always) mutating func learn(_ record: fibril_record) {
    kind = record.kind
    fibril = record.fibril
    switch UInt32(record.kind) {
    case FIBRIL_RECORD_SWITCH.rawValue:
      step = record.fibril &- record.arg
      running = record.fibril
    case FIBRIL_RECORD_SUBMIT.rawValue:
      submitted = record.fibril
      call = record.arg32
    case FIBRIL_RECORD_SUBMIT_ENTRY.rawValue:
      entry = record.arg
      name = record.arg32
    case FIBRIL_RECORD_BLOCK.rawValue:
      object = record.arg
      reason = record.arg32
    // Of a call that pends, the task itself runs on.
    case FIBRIL_RECORD_BLOCK_DEADLINE.rawValue: deadline = record.arg
    case FIBRIL_RECORD_WAKE.rawValue:
      woken = record.fibril
      waker = record.arg
      wakerTask = record.arg32
    case FIBRIL_RECORD_TASK_START.rawValue: running = record.fibril
    case FIBRIL_RECORD_STACK.rawValue: stack = record.arg32
    default: break
    }
  }
}
