// The fibrils of a task: found, taken in, made right after a loss or a snapshot, forgotten.

import TraceEvents

typealias FibrilIndex = Dictionary<UInt64, FibrilTrack>.Index

extension TaskTrack {
  func label(of fibril: UInt64) -> FibrilLabel {
    fibrils[fibril]?.label(fibril) ?? FibrilLabel(fibril: fibril, kind: .unknown)
  }

  /// The fibril's track, with everything before this event made right. A fibril that was never seen is taken in as
  /// UNKNOWN.
  ///
  /// The event shows that the fibril was in `before` until now (a call has more ways: UNKNOWN), and puts it into `after`,
  /// which cannot happen to a fibril that is in that state: if a snapshot showed it there, it showed this very change.
  mutating func track(
    _ fibril: UInt64, _ number: UInt64, was before: SliceState, becomes after: SliceState?,
    _ statistics: inout TimelineStatistics, _ sink: inout some TimelineSink
  ) -> FibrilIndex {
    guard let index = fibrils.index(forKey: fibril) else {
      let begin = losses.last?.time ?? start
      let track = FibrilTrack(
        kind: .unknown, name: 0, parent: 0, state: .unknown, begin: begin,
        losses: UInt32(truncatingIfNeeded: losses.count))
      return add(track, fibril, entry: 0, at: begin, &statistics, &sink)
    }
    settle(index, fibril, &sink)
    let shown = fibrils.values[index]
    guard shown.flags.contains(.fresh) else { return index }
    fibrils.values[index].flags.remove(.fresh)
    if number < shown.replayFrom || shown.state == after || shown.flags.contains(.dead) {
      correctSnapshot(index, fibril, to: shown.kind == .call ? .unknown : before, &statistics, &sink)
    }
    return index
  }

  /// What the snapshot showed came later: until now, the fibril was in this state.
  mutating func correctSnapshot(
    _ index: FibrilIndex, _ fibril: UInt64, to state: SliceState, _ statistics: inout TimelineStatistics,
    _ sink: inout some TimelineSink
  ) {
    let wasDead = fibrils.values[index].flags.contains(.dead)
    // Of one that was dead already, a loss leaves open when it began to be what it was before.
    fibrils.values[index].correctSnapshot(
      to: wasDead && fibrils.values[index].flags.contains(.loss) ? .unknown : state)
    if wasDead { announce(fibrils.values[index], fibril, entry: 0, at: start, &statistics, &sink) }
  }

  @discardableResult
  mutating func add(
    _ track: FibrilTrack, _ fibril: UInt64, entry: UInt64, at time: UInt64, _ statistics: inout TimelineStatistics,
    _ sink: inout some TimelineSink
  ) -> FibrilIndex {
    fibrils[fibril] = track
    if !track.flags.contains(.dead) { announce(track, fibril, entry: entry, at: time, &statistics, &sink) }
    return fibrils.index(forKey: fibril)!
  }

  private func announce(
    _ track: FibrilTrack, _ fibril: UInt64, entry: UInt64, at time: UInt64, _ statistics: inout TimelineStatistics,
    _ sink: inout some TimelineSink
  ) {
    if track.kind != .root { statistics.fibrils &+= 1 }
    sink.announce(
      FibrilAnnouncement(
        label: track.label(fibril), task: task, parent: track.parent, entry: entry,
        call: track.kind == .call ? track.call : nil, time: time))
  }

  /// Lets a fibril feel the losses since its last event. They are not spread to all fibrils when they happen: a million
  /// may be waiting.
  mutating func settle(_ index: FibrilIndex, _ fibril: UInt64, _ sink: inout some TimelineSink) {
    let first = Int(fibrils.values[index].losses)
    guard first < losses.count else { return }
    fibrils.values[index].losses = UInt32(truncatingIfNeeded: losses.count)
    for loss in losses[first...] {
      // The table was read after the task's next number was: it knows better than the records before that.
      if fibrils.values[index].flags.contains(.dead) {
        fibrils.values[index].flags.insert(.loss)
        return
      }
      if fibrils.values[index].flags.contains(.fresh), loss.end <= max(fibrils.values[index].replayFrom, replayFrom) {
        fibrils.values[index].hideSnapshot(until: loss.endTime, fibril, task, &sink)
        continue
      }
      if fibrils.values[index].flags.contains(.fresh), fibrils.values[index].replayFrom >= loss.first {
        // What the snapshot showed may have come about within the gap.
        fibrils.values[index].correctSnapshot(to: .unknown)
      } else if fibrils.values[index].state != .unknown {
        fibrils.values[index].enter(.unknown, at: loss.time, fibril, task, &sink)
      }
      fibrils.values[index].flags.subtract([.fresh, .woken])
      fibrils.values[index].flags.insert(.loss)
      return
    }
  }

  /// Ends the fibril that is being torn down, if one is.
  mutating func end(at time: UInt64, _ sink: inout some TimelineSink) {
    guard let fibril = ending else { return }
    ending = nil
    guard let index = fibrils.index(forKey: fibril) else { return }
    fibrils.values[index].close(at: time, fibril, task, isOpenEnded: false, &sink)
    remove(index)
  }

  /// Forgets a fibril, and gives memory back when most are gone.
  mutating func remove(_ index: FibrilIndex) {
    fibrils.remove(at: index)
    guard fibrils.capacity > 4096, fibrils.count < fibrils.capacity / 8 else { return }
    var smaller = [UInt64: FibrilTrack](minimumCapacity: fibrils.count * 2)
    for (fibril, track) in fibrils { smaller[fibril] = track }
    fibrils = smaller
  }
}
