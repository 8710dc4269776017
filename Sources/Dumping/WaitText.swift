// What a fibril waits for, in words.
internal import Inspection
internal import TraceEvents

/// Puts reasons to wait into words. Other fibrils are named by id and name.
struct WaitText {
  /// When the table was read, CLOCK_MONOTONIC in ns.
  let now: UInt64
  /// A fibril's name; empty if it has none.
  let name: (UInt64) -> String

  /// Why a blocked fibril is blocked. `pointed` is what its call points at.
  func append(_ fibril: FibrilSnapshot, _ pointed: [PointedBytes], to text: inout ByteText) {
    switch fibril.reason {
    case .call:
      text.append("blocked in ")
      CallArguments.append(
        call: UInt32(clamping: fibril.object), fibril.call == nil ? [] : fibril.arguments, pointed, to: &text)
    case .sleep:
      text.append("sleeping ")
      text.append(seconds: fibril.object)
    case .wakeTarget: text.append("waiting to be woken")
    case .completions: text.append("waiting for completions")
    case .join where fibril.object == 0: text.append("waiting for the end of all fibrils")
    case .join:
      text.append("waiting for the end of ")
      append(fibril: fibril.object, to: &text)
    case .mutex: append("waiting for mutex ", fibril.object, to: &text)
    case .semaphore: append("waiting for a permit of semaphore ", fibril.object, to: &text)
    case .condition: append("waiting for condition ", fibril.object, to: &text)
    case .send: append("waiting for room in channel ", fibril.object, to: &text)
    case .receive: append("waiting to receive from channel ", fibril.object, to: &text)
    default:
      text.append("blocked for reason ")
      text.append(decimal: UInt64(fibril.reason.rawValue))
      text.append(", object ")
      text.append(hexadecimal: fibril.object)
    }
    if fibril.owner != 0 {
      text.append(", held by ")
      append(fibril: fibril.owner, to: &text)
    }
    if fibril.onHelper { text.append(", on a helper thread") }
    appendDeadline(fibril.deadline, to: &text)
  }

  private func append(_ words: StaticString, _ object: UInt64, to text: inout ByteText) {
    text.append(words)
    text.append(hexadecimal: object)
  }

  private func appendDeadline(_ deadline: UInt64, to text: inout ByteText) {
    guard deadline != 0 else { return }
    if deadline > now {
      text.append(", ")
      text.append(seconds: deadline - now)
      text.append(" left")
    } else {
      text.append(", due since ")
      text.append(seconds: now - deadline)
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
