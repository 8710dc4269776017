// The fibrils of a task: found, taken in, made right after a loss or a snapshot, forgotten.

import TraceEvents

extension TaskTrack {
  /// The fibril's track, with everything before this event made right. A fibril that was never seen is taken in as
  /// UNKNOWN.
  ///
  /// The event shows that the fibril was in `before` until now, and puts it into `after`, which cannot happen to a
  /// fibril that is in that state: if a snapshot showed it there, it showed this very change. Where a snapshot could not
  /// tell its state, this first event does.
  @inline(__always)
  mutating func track(
    _ fibril: UInt64, _ number: UInt64, was before: SliceState, becomes after: SliceState?,
    _ statistics: inout TimelineStatistics, _ sink: inout some TimelineSink
  ) -> Int {
    guard let index = fibrils.place(of: fibril) else {
      let begin = losses.last?.time ?? start
      let track = FibrilTrack(
        kind: .unknown, name: 0, parent: 0, state: .unknown, begin: begin,
        losses: lossCount)
      return add(track, fibril, entry: 0, at: begin, &statistics, &sink)
    }
    settle(index, fibril, &sink)
    guard fibrils[index].flags.contains(.fresh) else { return index }
    let shown = fibrils[index]
    fibrils[index].flags.remove(.fresh)
    if number < shown.replayFrom || shown.state == after || shown.state == .unknown || shown.flags.contains(.dead) {
      // A call does not run, and may end in two ways.
      let state: SliceState = shown.kind != .call ? before : after == .blocked ? .created : .unknown
      correctSnapshot(index, fibril, to: state, &statistics, &sink)
    }
    return index
  }

  /// What the snapshot showed came later: until now, the fibril was in this state.
  mutating func correctSnapshot(
    _ index: Int, _ fibril: UInt64, to state: SliceState, _ statistics: inout TimelineStatistics,
    _ sink: inout some TimelineSink
  ) {
    let wasDead = fibrils[index].flags.contains(.dead)
    // Of one that was dead already, a loss leaves open when it began to be what it was before.
    fibrils[index].correctSnapshot(
      to: wasDead && fibrils[index].flags.contains(.loss) ? .unknown : state)
    if wasDead { announce(fibrils[index], fibril, entry: 0, at: start, &statistics, &sink) }
  }

  @discardableResult
  mutating func add(
    _ track: FibrilTrack, _ fibril: UInt64, entry: UInt64, at time: UInt64, _ statistics: inout TimelineStatistics,
    _ sink: inout some TimelineSink
  ) -> Int {
    let index = fibrils.insert(fibril, track)
    if !track.flags.contains(.dead) { announce(track, fibril, entry: entry, at: time, &statistics, &sink) }
    return index
  }

  private func announce(
    _ track: FibrilTrack, _ fibril: UInt64, entry: UInt64, at time: UInt64, _ statistics: inout TimelineStatistics,
    _ sink: inout some TimelineSink
  ) {
    if track.kind == .closure || track.kind == .call { statistics.fibrils &+= 1 }
    sink.announce(
      FibrilAnnouncement(
        label: track.label(fibril), task: task, parent: track.parent, entry: entry,
        call: track.kind == .call ? track.call : nil, time: time))
  }

  /// Lets a fibril feel the losses since its last event. They are not spread to all fibrils when they happen: a million
  /// may be waiting.
  @inline(__always)
  mutating func settle(_ index: Int, _ fibril: UInt64, _ sink: inout some TimelineSink) {
    let first = Int(fibrils[index].losses &- forgottenLosses)
    if first < losses.count { settle(index, fibril, from: first, &sink) }
  }

  @inline(never)
  private mutating func settle(_ index: Int, _ fibril: UInt64, from first: Int, _ sink: inout some TimelineSink) {
    fibrils[index].losses = lossCount
    for loss in losses[first...] {
      // The table was read after the task's next number was: it knows better than the records before that.
      if fibrils[index].flags.contains(.dead) {
        fibrils[index].flags.insert(.loss)
        return
      }
      if fibrils[index].flags.contains(.fresh), loss.end <= max(fibrils[index].replayFrom, replayFrom) {
        fibrils[index].hideSnapshot(until: loss.endTime, fibril, frame, &sink)
        continue
      }
      if fibrils[index].flags.contains(.fresh), fibrils[index].replayFrom >= loss.first {
        // What the snapshot showed may have come about within the gap.
        fibrils[index].correctSnapshot(to: .unknown)
      } else if fibrils[index].state != .unknown {
        fibrils[index].enter(.unknown, at: loss.time, fibril, frame, isCut: true, &sink)
      }
      fibrils[index].flags.subtract([.fresh, .woken])
      fibrils[index].flags.insert(.loss)
      return
    }
  }

  /// Ends the fibril that is being torn down, if one is.
  mutating func end(at time: UInt64, isCut: Bool = false, _ sink: inout some TimelineSink) {
    guard let fibril = ending else { return }
    ending = nil
    guard let index = fibrils.place(of: fibril) else { return }
    fibrils[index].close(at: time, fibril, frame, isOpenEnded: false, isCut: isCut, &sink)
    fibrils.remove(fibril)
  }
}
