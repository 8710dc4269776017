// What each event changes in a task: the state machine of a fibril's life.

import TraceEvents

typealias FibrilIndex = Dictionary<UInt64, FibrilTrack>.Index

extension TaskTrack {
  /// Applies one event of this task; a loss is not one.
  mutating func apply(_ event: Event, _ statistics: inout TimelineStatistics, _ sink: inout some TimelineSink) {
    if case .wake(let fibril, let byTask, let byFibril) = event.body {
      endLoss(at: max(event.time, clock), &sink)
      wake(fibril, byTask, byFibril, event.number, at: max(event.time, start), &statistics, &sink)
      return
    }
    clock = max(clock, event.time)
    endLoss(at: clock, &sink)
    switch event.body {
    case .submitCall(let fibril, let parent, let call):
      submit(fibril, parent, call: call, entry: 0, name: 0, event.number, &statistics, &sink)
    case .submitClosure(let fibril, let parent, let entry, let name):
      submit(fibril, parent, call: nil, entry: entry, name: name, event.number, &statistics, &sink)
    case .switch(let previous, let next, let previousState):
      if previous != 0 { leave(previous, previousState, event.number, &statistics, &sink) }
      var label = FibrilLabel.none
      if next != 0 { label = run(next, event.number, &statistics, &sink) }
      turn(to: label, number: event.number, at: clock, &sink)
    case .block(let fibril, let reason, let object, _):
      block(fibril, reason, object, event.number, &statistics, &sink)
    case .teardown(let fibril, let result):
      teardown(fibril, result, event.number, &statistics, &sink)
    case .taskStart, .taskStop, .wake, .lost: break
    }
  }

  /// The fibril's track, made right for an event numbered `number`; nil if the event is older than its snapshot.
  /// A fibril that was never seen is taken in as UNKNOWN.
  private mutating func track(
    _ fibril: UInt64, _ number: UInt64, _ statistics: inout TimelineStatistics, _ sink: inout some TimelineSink
  ) -> FibrilIndex? {
    if let index = fibrils.index(forKey: fibril) {
      if number < fibrils.values[index].replayFrom { return nil }
      settle(index, fibril, &sink)
      return index
    }
    let begin = losses.last?.time ?? start
    let track = FibrilTrack(
      kind: .unknown, name: 0, parent: 0, state: .unknown, begin: begin,
      losses: UInt32(truncatingIfNeeded: losses.count))
    add(track, fibril, entry: 0, at: begin, &statistics, &sink)
    return fibrils.index(forKey: fibril)
  }

  mutating func add(
    _ track: FibrilTrack, _ fibril: UInt64, entry: UInt64, at time: UInt64, _ statistics: inout TimelineStatistics,
    _ sink: inout some TimelineSink
  ) {
    fibrils[fibril] = track
    if track.flags.contains(.dead) { return }
    if track.kind != .root { statistics.fibrils &+= 1 }
    sink.announce(
      FibrilAnnouncement(
        label: track.label(fibril), task: task, parent: track.parent, entry: entry,
        call: track.kind == .call ? track.call : nil, time: time))
  }

  private mutating func enter(
    _ state: SliceState, _ index: FibrilIndex, _ fibril: UInt64, _ sink: inout some TimelineSink
  ) {
    fibrils.values[index].enter(state, at: clock, fibril, task, &sink)
  }

  /// Takes back "no event yet" and says whether it was so.
  private mutating func takeFresh(_ index: FibrilIndex) -> Bool {
    let wasFresh = fibrils.values[index].flags.contains(.fresh)
    fibrils.values[index].flags.remove(.fresh)
    return wasFresh
  }

  /// The event shows that the fibril is running. If it was woken before its task had switched away from it, no switch
  /// said so.
  private mutating func ran(_ index: FibrilIndex, _ fibril: UInt64) {
    if fibrils.values[index].state == .runnable, running == fibril { fibrils.values[index].correctRunnableToRunning() }
  }

  private mutating func submit(
    _ fibril: UInt64, _ parent: UInt64, call: UInt32?, entry: UInt64, name: UInt32, _ number: UInt64,
    _ statistics: inout TimelineStatistics, _ sink: inout some TimelineSink
  ) {
    if let index = fibrils.index(forKey: fibril) {
      // Only a snapshot can have told of it before.
      if number >= fibrils.values[index].replayFrom {
        settle(index, fibril, &sink)
        _ = takeFresh(index)
      }
      return
    }
    var track = FibrilTrack(
      kind: call == nil ? .closure : .call, name: name, parent: parent, state: call == nil ? .runnable : .created,
      begin: clock, losses: UInt32(truncatingIfNeeded: losses.count))
    track.call = call ?? 0
    track.flags = .submitKnown
    if let index = fibrils.index(forKey: parent) {
      settle(index, parent, &sink)
      ran(index, parent)
      track.parentName = fibrils.values[index].name
      track.parentKind = fibrils.values[index].kind
    }
    add(track, fibril, entry: entry, at: clock, &statistics, &sink)
  }

  private mutating func run(
    _ fibril: UInt64, _ number: UInt64, _ statistics: inout TimelineStatistics, _ sink: inout some TimelineSink
  ) -> FibrilLabel {
    guard let index = track(fibril, number, &statistics, &sink) else {
      return fibrils[fibril]?.label(fibril) ?? FibrilLabel(fibril: fibril, kind: .unknown)
    }
    _ = takeFresh(index)
    if fibrils.values[index].state != .running { enter(.running, index, fibril, &sink) }
    return fibrils.values[index].label(fibril)
  }

  private mutating func leave(
    _ fibril: UInt64, _ state: FibrilState, _ number: UInt64, _ statistics: inout TimelineStatistics,
    _ sink: inout some TimelineSink
  ) {
    // The teardown came before the switch away.
    if state == .dead, fibrils.index(forKey: fibril) == nil { return }
    guard let index = track(fibril, number, &statistics, &sink) else { return }
    _ = takeFresh(index)
    switch (state, fibrils.values[index].state) {
    case (.dead, _):
      // Its teardown was lost.
      if !fibrils.values[index].flags.contains(.dead) {
        fibrils.values[index].close(at: clock, fibril, task, isOpenEnded: false, &sink)
        remove(index)
      }
    case (.runnable, .runnable), (.blocked, .blocked): break
    case (.blocked, .runnable): break  // Woken between its block and this switch.
    case (.blocked, .unknown) where fibrils.values[index].flags.contains(.woken): enter(.runnable, index, fibril, &sink)
    case (.runnable, _): enter(.runnable, index, fibril, &sink)
    case (.blocked, _): enter(.blocked, index, fibril, &sink)
    default: enter(.unknown, index, fibril, &sink)
    }
  }

  private mutating func block(
    _ fibril: UInt64, _ reason: BlockReason, _ object: UInt64, _ number: UInt64,
    _ statistics: inout TimelineStatistics, _ sink: inout some TimelineSink
  ) {
    guard let index = track(fibril, number, &statistics, &sink) else { return }
    let wasFresh = takeFresh(index)
    fibrils.values[index].flags.insert(.pended)
    if wasFresh, fibrils.values[index].state == .blocked, fibrils.values[index].reason == reason,
      fibrils.values[index].object == object
    {
      return
    }
    ran(index, fibril)
    enter(.blocked, index, fibril, &sink)
    fibrils.values[index].reason = reason
    fibrils.values[index].object = object
  }

  private mutating func wake(
    _ fibril: UInt64, _ byTask: UInt32, _ byFibril: UInt64, _ number: UInt64, at time: UInt64,
    _ statistics: inout TimelineStatistics, _ sink: inout some TimelineSink
  ) {
    // A wake of a fibril that is gone, or not known yet, is not the event that brings it (back) to life.
    guard let index = fibrils.index(forKey: fibril), number >= fibrils.values[index].replayFrom else { return }
    settle(index, fibril, &sink)
    let wasFresh = takeFresh(index)
    let track = fibrils.values[index]
    switch track.state {
    case .blocked:
      if track.reason == .call, track.kind != .call, let number = UInt32(exactly: track.object) {
        statistics.note(call: number, duration: time - min(time, track.since), caller: track.label(fibril))
      }
    case .unknown:
      // It may be running, and the wake be one that it takes with its next block.
      let mayRun =
        running == nil && track.kind != .call && !(UInt64(byTask) == task && byFibril != 0 && byFibril != fibril)
      if mayRun || running == fibril {
        note(waker: byFibril, byTask, at: time, index)
        return
      }
    case .runnable where wasFresh:
      note(waker: byFibril, byTask, at: time, index)
      return
    case .runnable, .running, .created: return
    }
    fibrils.values[index].enter(.runnable, at: time, fibril, task, &sink)
    note(waker: byFibril, byTask, at: time, index)
  }

  private mutating func note(waker: UInt64, _ wakerTask: UInt32, at time: UInt64, _ index: FibrilIndex) {
    if fibrils.values[index].kind == .call { return }
    fibrils.values[index].waker = waker
    fibrils.values[index].wakerTask = wakerTask
    fibrils.values[index].wakeTime = time
    fibrils.values[index].flags.insert(.woken)
  }

  private mutating func teardown(
    _ fibril: UInt64, _ result: Int64, _ number: UInt64, _ statistics: inout TimelineStatistics,
    _ sink: inout some TimelineSink
  ) {
    guard let index = track(fibril, number, &statistics, &sink) else { return }
    let flags = fibrils.values[index].flags
    if !flags.contains(.dead) {
      ran(index, fibril)
      if fibrils.values[index].kind != .call || !flags.isDisjoint(with: [.pended, .loss]) {
        fibrils.values[index].close(at: clock, fibril, task, isOpenEnded: false, &sink)
      }
      let track = fibrils.values[index]
      if track.kind == .call {
        let isInline = flags.isDisjoint(with: [.pended, .loss]) && liesWithinSlice(ofParent: track)
        let slice = callSlice(track, fibril, end: max(clock, track.begin), .returned(result), isInline: isInline)
        sink.consume(slice)
        if flags.contains(.submitKnown) {
          statistics.note(call: track.call, duration: slice.end - min(slice.end, slice.since), caller: slice.parent)
        }
      }
    }
    // Closing told the sink only: the index is still good.
    remove(index)
  }

  /// The call began within the open slice of its parent, in which it ends now.
  private func liesWithinSlice(ofParent call: FibrilTrack) -> Bool {
    guard let parent = fibrils[call.parent] else { return false }
    return (parent.state == .running || parent.state == .unknown) && parent.begin <= call.begin
  }
}
