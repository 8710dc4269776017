// What fibrils that do or wait for the same have in common: state and reason, without the object.
internal import TraceEvents

/// A state and, of a blocked fibril, what kind of thing it waits for.
struct WaitKind: Hashable {
  let state: FibrilState
  /// A submitted call, which has no code of its own.
  let isCall: Bool
  let reason: BlockReason
  /// The system call it is in or is.
  let call: UInt32?

  init(_ fibril: FibrilSnapshot) {
    let isBlocked = fibril.state == .blocked
    state = fibril.state
    isCall = fibril.isCall
    reason = isBlocked ? fibril.reason : .none
    call = isBlocked && (fibril.isCall || reason == .call) ? fibril.call ?? UInt32(clamping: fibril.object) : nil
  }

  /// `running`, `runnable`, `blocked`, `dead`
  static func word(of state: FibrilState) -> String {
    switch state {
    case .running: "running"
    case .runnable: "runnable"
    case .blocked: "blocked"
    case .dead: "dead"
    default: "state \(state.rawValue)"
    }
  }

  /// `mutex`, `wake target`; empty for none.
  static func word(of reason: BlockReason) -> String {
    switch reason {
    case .none: ""
    case .call: "call"
    case .wakeTarget: "wake target"
    case .join: "join"
    case .completions: "completions"
    case .sleep: "sleep"
    case .mutex: "mutex"
    case .semaphore: "semaphore"
    case .condition: "condition"
    case .send: "send"
    case .receive: "receive"
    default: "reason \(reason.rawValue)"
    }
  }

  /// What it waits for: `mutex`, `call read`, `pending read`; empty for none.
  var waitWord: String {
    guard let call else { return Self.word(of: reason) }
    return (isCall ? "pending " : "call ") + (SystemCallNames.name(of: call) ?? "\(call)")
  }
}
