// How a fibril of the fibril table becomes a track that events are replayed on.

import TraceEvents

extension Timeline {
  static func kind(of fibril: FibrilSnapshot) -> FibrilKind {
    fibril.isRoot ? .root : fibril.isCall ? .call : .closure
  }

  /// The track that goes on from the snapshot. `isRunning`: the task's own entry says so.
  func track(of fibril: FibrilSnapshot, parent: FibrilLabel?, isRunning: Bool) -> FibrilTrack {
    // An entry that kept changing is right about a fibril that was running all the time. Of any other the state is not
    // known until its first event tells it.
    let isSure = !fibril.changedWhileRead || (fibril.state == .running && isRunning)
    let state = isSure ? sliceState(of: fibril) : .unknown
    var track = FibrilTrack(
      kind: Self.kind(of: fibril), name: fibril.name, parent: fibril.parent, state: state, begin: start, losses: 0)
    track.flags = .fresh
    if isSure { track.replayFrom = fibril.nextNumber }
    // The table stamps blocks, wakes and submits, not switches: of a fibril that runs, or yielded, it would not be true.
    if state == .blocked {
      track.since = fibril.since == 0 ? start : fibril.since
      track.reason = fibril.reason
      track.object = fibril.object
    }
    if fibril.isCall {
      let isSubmitKnown = isSure && fibril.since != 0
      track.call = fibril.call ?? 0
      track.submitted = isSubmitKnown ? fibril.since : start
      track.parentName = parent?.name ?? 0
      track.parentKind = parent?.kind ?? .unknown
      // It was caught on its way: it is not one that was done inside its submit.
      track.flags.formUnion(isSubmitKnown ? [.pended, .submitKnown] : .pended)
    }
    if isSure, fibril.state == .dead { track.flags.insert(.dead) }
    return track
  }

  private func sliceState(of fibril: FibrilSnapshot) -> SliceState {
    switch fibril.state {
    case .runnable: .runnable
    case .running: .running
    case .blocked: .blocked
    case .none where fibril.isCall: .created
    default: .unknown
    }
  }
}
