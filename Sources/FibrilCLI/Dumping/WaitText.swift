// What a fibril waits for, in words.
internal import TraceEvents

/// Puts reasons to wait into words. Other fibrils are named by id and name.
struct WaitText {
  /// When the table was read, CLOCK_MONOTONIC in ns.
  let now: UInt64
  /// A fibril's name; empty if it has none.
  let name: (UInt64) -> String

  /// Why a blocked fibril is blocked.
  func append(_ fibril: FibrilSnapshot, to text: inout ByteText) {
    switch fibril.reason {
    case .call:
      text.append("blocked in ")
      appendCall(UInt32(clamping: fibril.object), fibril.call == nil ? [] : fibril.arguments, to: &text)
    case .sleep:
      text.append("sleeping ")
      text.append(seconds: fibril.object)
    case .wakeTarget: text.append("waiting to be woken")
    case .completions: text.append("waiting for completions")
    case .join where fibril.object == 0: text.append("waiting for the end of all fibrils")
    case .join:
      text.append("waiting for the end of ")
      append(fibril: fibril.object, to: &text)
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

  /// `read(3, 0x7f0012345678, 512)`: small numbers as numbers, all others in hexadecimal. How many
  /// arguments a call takes is not known here, so those at the end that are 0 are left out.
  func appendCall(_ number: UInt32, _ arguments: [UInt64], to text: inout ByteText) {
    if let name = SystemCallNames.name(of: number) {
      text.append(own: name)
    } else {
      text.append("system call ")
      text.append(decimal: UInt64(number))
    }
    text.append("(")
    let given = arguments.prefix(arguments.lastIndex { $0 != 0 }.map { $0 + 1 } ?? 0)
    for (index, argument) in given.enumerated() {
      if index > 0 { text.append(", ") }
      let signed = Int64(Int32(truncatingIfNeeded: argument))
      if argument < 10_000 {
        text.append(decimal: argument)
      } else if signed < 0, signed > -10_000, argument == UInt64(bitPattern: signed) || argument >> 32 == 0 {
        text.append("-")
        text.append(decimal: UInt64(-signed))
      } else {
        text.append(hexadecimal: argument)
      }
    }
    text.append(")")
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
