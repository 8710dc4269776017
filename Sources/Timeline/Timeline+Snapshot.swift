// How a fibril of the fibril table becomes a track that events are replayed on.

import TraceEvents

extension Timeline {
  static func kind(of fibril: FibrilSnapshot) -> FibrilKind {
    fibril.isRoot ? .root : fibril.isCall ? .call : .closure
  }

  /// The track that goes on from the snapshot; nil if the snapshot does not know the fibril's state and it is no more.
  func track(
    of fibril: FibrilSnapshot, in snapshot: ProcessSnapshot, parent: FibrilLabel?, running: UInt64?
  ) -> FibrilTrack? {
    // An entry that kept changing is right about a fibril that was running all the time. Of any other the state is not
    // known, and all events may be replayed on that.
    let isSure = !fibril.changedWhileRead || (fibril.state == .running && running == fibril.fibril)
    let state = isSure ? sliceState(of: fibril) : .unknown
    // The table stamps blocks, wakes and submits, not switches: only of a blocked fibril `since` is the state's.
    let begin = state == .blocked ? max(start, fibril.since) : max(start, snapshot.time, fibril.since)
    var track = FibrilTrack(
      kind: Self.kind(of: fibril), name: fibril.name, parent: fibril.parent, state: state, begin: begin, losses: 0)
    track.flags = .fresh
    if isSure { track.replayFrom = fibril.nextNumber }
    if state == .blocked {
      track.since = fibril.since
      track.reason = fibril.reason
      track.object = fibril.object
    }
    if fibril.isCall {
      track.call = fibril.call ?? 0
      track.submitted = fibril.since == 0 ? begin : fibril.since
      track.parentName = parent?.name ?? 0
      track.parentKind = parent?.kind ?? .unknown
      // It was caught on its way: whatever it does, it is not inline from here on.
      track.flags.formUnion(isSure && fibril.since != 0 ? [.pended, .submitKnown] : .pended)
    }
    if fibril.state == .dead, isSure { track.flags.insert(.dead) }
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
