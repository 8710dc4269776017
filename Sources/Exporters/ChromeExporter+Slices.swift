// The slices, calls and arrows of Chrome's trace JSON.

public import Timeline
import TraceEvents

extension ChromeExporter {
  /// A slice on the thread of a task.
  public mutating func consume(_ slice: TaskSlice) {
    beginEvent("X", process, Self.thread(ofTask: slice.task, slice.threadID))
    appendTimes(slice.begin, slice.end)
    writer.append(",\"cat\":\"task\",\"name\":\"")
    switch slice.activity {
    case .running(let label):
      append(label)
      writer.append("\",\"cname\":\"thread_state_running\"")
    case .asleep: writer.append("asleep\",\"cname\":\"thread_state_sleeping\"")
    case .unknown: writer.append("UNKNOWN\",\"cname\":\"thread_state_unknown\"")
    }
    endEvent()
  }

  /// A slice on the thread of a fibril.
  public mutating func consume(_ slice: StateSlice) {
    if slice.label.kind == .call {
      // The call's own event shows it, except where it hides that nothing was known.
      if slice.state == .unknown { appendUnknownCall(slice) }
      return
    }
    beginEvent("X", fibrilProcess, Self.thread(ofFibril: slice.label.fibril))
    appendTimes(slice.begin, slice.end)
    writer.append(",\"cat\":\"fibril\",\"name\":\"")
    switch slice.state {
    case .created: writer.append("created\"")
    case .running: writer.append("running\",\"cname\":\"thread_state_running\"")
    case .runnable: writer.append("runnable\",\"cname\":\"thread_state_runnable\"")
    case .unknown: writer.append("UNKNOWN\",\"cname\":\"thread_state_unknown\"")
    case .blocked:
      writer.append("blocked")
      appendReason(slice.reason, slice.object)
      writer.append("\",\"cname\":\"thread_state_uninterruptible\"")
    }
    var arguments = Arguments()
    if slice.state == .blocked, let key = Self.objectKey(slice.reason, slice.object) {
      argument(&arguments, key, slice.object)
    }
    if slice.stack != 0, let stack = names.stack(slice.stack) {
      beginArgument(&arguments, "stack")
      writer.append(stack)
    }
    if slice.since < slice.begin { argument(&arguments, "us_before_trace", microseconds: slice.begin - slice.since) }
    if slice.isOpenEnded { argument(&arguments, "unfinished", "true") }
    end(arguments)
  }

  /// A slice inside that of the parent if the call was inline, else an asynchronous pair.
  public mutating func consume(_ call: CallSlice) {
    if call.isInline {
      beginEvent("X", fibrilProcess, Self.thread(ofFibril: call.parent.fibril))
      appendTimes(call.begin, call.end)
      appendCall(call)
      return
    }
    beginEvent("b", fibrilProcess, Self.thread(ofFibril: call.parent.fibril))
    append(",\"ts\":", time: call.begin)
    appendID(call.fibril)
    appendCall(call)
    beginEvent("e", fibrilProcess, Self.thread(ofFibril: call.parent.fibril))
    append(",\"ts\":", time: call.end)
    appendID(call.fibril)
    writer.append(",\"cat\":\"call\",\"name\":\"")
    writer.append(names.name(ofCall: call.call))
    writer.append("\"")
    endEvent()
  }

  /// An arrow from the slice in which the waker acted to the one in which the woken fibril runs.
  public mutating func consume(_ flow: WakeFlow) {
    let id = nextFlow()
    let hasWaker = flow.waker != 0
    beginEvent("s", fibrilProcess, Self.thread(ofFibril: hasWaker ? flow.waker : flow.woken.fibril))
    append(",\"ts\":", time: hasWaker ? flow.wakeTime : flow.runnableTime)
    writer.append(",\"id\":")
    writer.append(decimal: id)
    writer.append(",\"cat\":\"wake\",\"name\":\"wake\"")
    endEvent()
    beginEvent("f", fibrilProcess, Self.thread(ofFibril: flow.woken.fibril))
    append(",\"ts\":", time: flow.switchTime)
    writer.append(",\"id\":")
    writer.append(decimal: id)
    writer.append(",\"bp\":\"e\",\"cat\":\"wake\",\"name\":\"wake\"")
    endEvent()
  }

  /// A mark on the thread of the task; the slices around it are UNKNOWN.
  public mutating func consume(_ range: LostRange) {
    beginEvent("i", process, Self.thread(ofTask: range.task, range.threadID))
    append(",\"ts\":", time: range.begin)
    writer.append(",\"s\":\"t\",\"cat\":\"lost\",\"name\":\"LOST RECORDS\"")
    var arguments = Arguments()
    argument(&arguments, "records", range.records)
    argument(&arguments, "us", microseconds: range.end - range.begin)
    end(arguments)
  }

  // MARK: Parts

  private mutating func appendTimes(_ begin: UInt64, _ end: UInt64) {
    append(",\"ts\":", time: begin)
    writer.append(",\"dur\":")
    writer.append(microseconds: end - begin)
  }

  /// The rest of a call's event: name, result and parent.
  private mutating func appendCall(_ call: CallSlice) {
    writer.append(",\"cat\":\"call\",\"name\":\"")
    writer.append(names.name(ofCall: call.call))
    writer.append("\"")
    var arguments = Arguments()
    switch call.ending {
    case .returned(let result):
      beginArgument(&arguments, "result")
      if result < 0, let name = ErrorNames.name(of: -max(result, -4096)) {
        writer.append(Array("\"-\(name)\"".utf8))
      } else {
        writer.append(decimal: result)
      }
    case .unfinished: argument(&arguments, "unfinished", "true")
    case .lost: argument(&arguments, "end_lost", "true")
    }
    argument(&arguments, "fibril", call.fibril)
    if !call.isInline {  // else it lies on its parent's track
      beginArgument(&arguments, "parent")
      writer.append("\"")
      append(call.parent)
      writer.append("\"")
    }
    if call.hasLoss { argument(&arguments, "records_lost", "true") }
    if call.since < call.begin { argument(&arguments, "us_before_trace", microseconds: call.begin - call.since) }
    end(arguments)
  }

  private mutating func appendUnknownCall(_ slice: StateSlice) {
    for (phase, time) in [("b" as StaticString, slice.begin), ("e", slice.end)] {
      beginEvent(phase, fibrilProcess, fibrilProcess)
      append(",\"ts\":", time: time)
      appendID(slice.label.fibril, "unknown ")
      writer.append(",\"cat\":\"call\",\"name\":\"UNKNOWN\"")
      endEvent()
    }
  }

  /// An asynchronous event's id, which holds in its process.
  private mutating func appendID(_ fibril: UInt64, _ prefix: StaticString = "") {
    writer.append(",\"id2\":{\"local\":\"")
    writer.append(prefix)
    writer.append(decimal: fibril)
    writer.append("\"}")
  }

  private mutating func appendReason(_ reason: BlockReason, _ object: UInt64) {
    switch reason {
    case .none: break
    case .call:
      writer.append(": ")
      writer.append(names.name(ofCall: UInt32(truncatingIfNeeded: object)))
    case .wakeTarget: writer.append(": wake target")
    case .join: writer.append(": join")
    case .completions: writer.append(": completions")
    case .sleep: writer.append(": sleep")
    case .mutex: writer.append(": mutex")
    case .semaphore: writer.append(": semaphore")
    case .condition: writer.append(": condition")
    case .send: writer.append(": send")
    case .receive: writer.append(": receive")
    default:
      writer.append(": reason ")
      writer.append(decimal: UInt64(reason.rawValue))
    }
  }

  /// What the object is called among a slice's arguments; nil if the slice's name says it already.
  private static func objectKey(_ reason: BlockReason, _ object: UInt64) -> StaticString? {
    switch reason {
    case .none, .call, .wakeTarget, .completions: nil
    case .join: object == 0 ? nil : "fibril"
    case .sleep: "ns"
    default: "object"
    }
  }

  // MARK: Arguments

  /// Whether an event has arguments yet.
  private struct Arguments {
    var isEmpty = true
  }

  private mutating func beginArgument(_ arguments: inout Arguments, _ key: StaticString) {
    writer.append(arguments.isEmpty ? ",\"args\":{\"" : ",\"")
    arguments.isEmpty = false
    writer.append(key)
    writer.append("\":")
  }

  private mutating func argument(_ arguments: inout Arguments, _ key: StaticString, _ json: StaticString) {
    beginArgument(&arguments, key)
    writer.append(json)
  }

  private mutating func argument(_ arguments: inout Arguments, _ key: StaticString, _ value: UInt64) {
    beginArgument(&arguments, key)
    writer.append(decimal: value)
  }

  private mutating func argument(_ arguments: inout Arguments, _ key: StaticString, microseconds value: UInt64) {
    beginArgument(&arguments, key)
    writer.append(microseconds: value)
  }

  private mutating func end(_ arguments: Arguments) {
    if !arguments.isEmpty { writer.append("}") }
    endEvent()
  }

  private mutating func endEvent() {
    writer.append("}")
    writer.flushIfLarge()
  }
}
