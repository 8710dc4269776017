// What a fibril waits for, in a few words.
internal import Inspection
internal import TraceEvents
internal import Texts

/// Puts reasons to wait into words. Other fibrils are named by id and name.
struct WaitText {
  /// When the table was read, CLOCK_MONOTONIC in ns.
  let now: UInt64
  /// What the process's descriptors are.
  let descriptors: DescriptorNames?
  /// Tasks of which some call waits for a helper thread.
  let waitingForHelpers: Set<UInt64>
  /// A fibril's name; empty if it has none.
  let name: (UInt64) -> String

  init(_ dump: ProcessDump, name: @escaping (UInt64) -> String) {
    self.init(dump.process, dump.descriptors, name: name)
  }

  init(_ process: ProcessSnapshot, _ descriptors: DescriptorNames? = nil, name: @escaping (UInt64) -> String) {
    now = process.time
    self.descriptors = descriptors
    waitingForHelpers = Set(process.tasks.filter { $0.helperQueue > 0 }.map(\.task))
    self.name = name
  }

  /// Why a blocked fibril is blocked, or which call is pending. `pointed` is what its call points at.
  func append(_ fibril: FibrilSnapshot, _ pointed: [PointedBytes], to text: inout ByteText) {
    switch fibril.reason {
    case .call: appendCall(fibril, pointed, to: &text)
    case _ where fibril.isCall: appendCall(fibril, pointed, to: &text)
    case .sleep: return appendSleep(fibril, to: &text)
    case .wakeTarget: text.append("to be woken")
    case .completions: text.append("completions")
    case .join where fibril.object == 0: text.append("join all")
    case .join:
      text.append("join ")
      append(fibril: fibril.object, to: &text)
    case .mutex:
      append("mutex ", fibril.object, to: &text)
      appendOwner(fibril, to: &text)
    case .semaphore: append("semaphore ", fibril.object, to: &text)
    case .condition: append("condition ", fibril.object, to: &text)
    case .send: append("send to channel ", fibril.object, to: &text)
    case .receive: append("receive from channel ", fibril.object, to: &text)
    default:
      text.append("blocked for reason ")
      text.append(decimal: UInt64(fibril.reason.rawValue))
      append(", object ", fibril.object, to: &text)
    }
    appendDeadline(fibril.deadline, to: &text)
  }

  private func appendCall(_ fibril: FibrilSnapshot, _ pointed: [PointedBytes], to text: inout ByteText) {
    let number = fibril.call ?? UInt32(clamping: fibril.object)
    let arguments = fibril.call == nil ? [] : fibril.arguments
    CallArguments.append(call: number, arguments, pointed, descriptors: descriptors, to: &text)
    guard fibril.onHelper else { return }
    text.append(", on a helper thread")
    // Which of the task's calls wait, the table does not say.
    if waitingForHelpers.contains(fibril.task) { text.append(" or waiting for one") }
  }

  private func appendSleep(_ fibril: FibrilSnapshot, to text: inout ByteText) {
    text.append("sleep ")
    if fibril.deadline == 0 {
      // Until when is not known, only for how long.
      text.append("of ")
      text.append(duration: fibril.object)
    } else if fibril.deadline > now {
      text.append(duration: fibril.deadline - now)
      text.append(" left")
    } else {
      text.append("over for ")
      text.append(duration: now - fibril.deadline)
    }
  }

  /// A lock that could not be read has no owner either.
  private func appendOwner(_ fibril: FibrilSnapshot, to text: inout ByteText) {
    if fibril.owner != 0 {
      text.append(" held by ")
      append(fibril: fibril.owner, to: &text)
    } else if fibril.ownerThread != 0 {
      text.append(" held by thread ")
      text.append(decimal: UInt64(fibril.ownerThread))
    } else {
      text.append(" held by nobody known")
    }
  }

  private func append(_ words: StaticString, _ object: UInt64, to text: inout ByteText) {
    text.append(words)
    text.append(hexadecimal: object)
  }

  private func appendDeadline(_ deadline: UInt64, to text: inout ByteText) {
    guard deadline != 0 else { return }
    text.append(", ")
    if deadline > now {
      text.append(duration: deadline - now)
      text.append(" left")
    } else {
      text.append("due for ")
      text.append(duration: now - deadline)
    }
  }

  private func append(fibril: UInt64, to text: inout ByteText) {
    text.append("fibril ")
    text.append(decimal: fibril)
    let name = name(fibril)
    guard !name.isEmpty else { return }
    text.append(" \"")
    text.append(foreign: name)
    text.append("\"")
  }
}
