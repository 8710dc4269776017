// What each event changes in a task: the state machine of a fibril's life.

import TraceEvents

extension TaskTrack {
  /// Applies one event of this task: any but its start, its stop and a loss.
  mutating func apply(_ event: Event, _ statistics: inout TimelineStatistics, _ sink: inout some TimelineSink) {
    // A wake has its waker's time: it says nothing of how late it is in this task.
    if case .wake = event.body {} else { clock = max(clock, event.time) }
    endLoss(at: max(clock, event.time), &sink)
    let number = event.number
    switch event.body {
    case .submitCall(let fibril, let parent, let call):
      submit(fibril, parent, call: call, entry: 0, name: 0, number, &statistics, &sink)
    case .submitClosure(let fibril, let parent, let entry, let name):
      submit(fibril, parent, call: nil, entry: entry, name: name, number, &statistics, &sink)
    case .switch(let previous, let next, let previousState):
      let from = fibrils.label(of: previous)
      end(at: clock, &sink)
      if previous != 0 { leave(previous, previousState, number, &statistics, &sink) }
      if next != 0 { run(next, number, &statistics, &sink) }
      turn(from: from, to: fibrils.label(of: next), at: clock, &sink)
    case .block(let fibril, let reason, let stack, let object, _):
      block(fibril, reason, stack, object, number, &statistics, &sink)
    case .wake(let fibril, let byTask, let byFibril):
      wake(fibril, byTask, byFibril, number, at: max(event.time, start), &statistics, &sink)
    case .teardown(let fibril, let result):
      teardown(fibril, result, number, &statistics, &sink)
    case .taskStart, .taskStop, .lost: break
    }
  }

  @inline(__always)
  private mutating func enter(
    _ state: SliceState, _ index: Int, _ fibril: UInt64, _ sink: inout some TimelineSink
  ) {
    fibrils[index].enter(state, at: clock, fibril, frame, &sink)
  }

  /// The event shows that the fibril is running. If it was woken before its task had switched away from it, no switch
  /// said so.
  @inline(__always)
  private mutating func ran(_ index: Int, _ fibril: UInt64, _ number: UInt64) {
    if fibrils[index].state == .runnable, running(at: number) == fibril,
      !fibrils[index].flags.contains(.fresh)
    {
      fibrils[index].correctRunnableToRunning()
    }
  }

  private mutating func submit(
    _ fibril: UInt64, _ parent: UInt64, call: UInt32?, entry: UInt64, name: UInt32, _ number: UInt64,
    _ statistics: inout TimelineStatistics, _ sink: inout some TimelineSink
  ) {
    var isAnnounced = false
    if let index = fibrils.place(of: fibril) {
      // A snapshot told of it, but it begins only here.
      guard fibrils[index].flags.contains(.fresh) else { return }
      isAnnounced = !fibrils[index].flags.contains(.dead)
    }
    var track = FibrilTrack(
      kind: call == nil ? .closure : .call, name: name, parent: parent, state: call == nil ? .runnable : .created,
      begin: clock, losses: lossCount)
    track.call = call ?? 0
    track.flags = .submitKnown
    if let index = fibrils.place(of: parent) {
      settle(index, parent, &sink)
      ran(index, parent, number)
      track.parentName = fibrils[index].name
      track.parentKind = fibrils[index].kind
    }
    if isAnnounced, let index = fibrils.place(of: fibril) {
      fibrils[index] = track
    } else {
      add(track, fibril, entry: entry, at: clock, &statistics, &sink)
    }
  }

  @inline(__always)
  private mutating func run(
    _ fibril: UInt64, _ number: UInt64, _ statistics: inout TimelineStatistics, _ sink: inout some TimelineSink
  ) {
    let index = track(fibril, number, was: .runnable, becomes: .running, &statistics, &sink)
    if fibrils[index].state != .running { enter(.running, index, fibril, &sink) }
  }

  @inline(__always)
  private mutating func leave(
    _ fibril: UInt64, _ state: FibrilState, _ number: UInt64, _ statistics: inout TimelineStatistics,
    _ sink: inout some TimelineSink
  ) {
    if let index = fibrils.place(of: fibril) {
      let flags = fibrils[index].flags
      // The teardown came before the switch away.
      if state == .dead, flags.contains(.dead) { return }
      // Its block came before this, and perhaps before the trace.
      if state == .blocked, flags.contains(.fresh), fibrils[index].state == .blocked { return }
    } else if state == .dead {
      return
    }
    let index = track(
      fibril, number, was: state == .blocked ? .unknown : .running, becomes: state == .runnable ? .runnable : nil,
      &statistics, &sink)
    switch (state, fibrils[index].state) {
    case (.dead, _):
      // Its teardown was lost.
      fibrils[index].close(at: clock, fibril, frame, isOpenEnded: false, &sink)
      fibrils.remove(fibril)
    case (.runnable, .runnable), (.blocked, .blocked): break
    case (.blocked, .runnable): break  // Woken between its block and this switch.
    case (.blocked, .unknown) where fibrils[index].flags.contains(.woken):
      enter(.runnable, index, fibril, &sink)
    case (.runnable, _): enter(.runnable, index, fibril, &sink)
    case (.blocked, _): enter(.blocked, index, fibril, &sink)
    default: enter(.unknown, index, fibril, &sink)
    }
  }

  private mutating func block(
    _ fibril: UInt64, _ reason: BlockReason, _ stack: UInt32, _ object: UInt64, _ number: UInt64,
    _ statistics: inout TimelineStatistics, _ sink: inout some TimelineSink
  ) {
    let index = track(fibril, number, was: .running, becomes: .blocked, &statistics, &sink)
    ran(index, fibril, number)
    enter(.blocked, index, fibril, &sink)
    fibrils[index].reason = reason
    fibrils[index].stack = stack
    fibrils[index].object = object
    fibrils[index].flags.insert(.pended)
  }

  private mutating func wake(
    _ fibril: UInt64, _ byTask: UInt32, _ byFibril: UInt64, _ number: UInt64, at time: UInt64,
    _ statistics: inout TimelineStatistics, _ sink: inout some TimelineSink
  ) {
    // A wake of a fibril that is gone, or not known yet, is not the event that brings it (back) to life.
    guard let index = fibrils.place(of: fibril) else { return }
    settle(index, fibril, &sink)
    if fibrils[index].flags.contains(.fresh) {
      let shown = fibrils[index]
      let isOlder = number < shown.replayFrom
      if shown.flags.contains(.dead), !isOlder { return }
      fibrils[index].flags.remove(.fresh)
      // A wake is recorded of a blocked fibril, so this is what made it runnable.
      if isOlder || shown.state == .unknown || (number == shown.replayFrom && shown.state == .runnable) {
        correctSnapshot(index, fibril, to: .blocked, &statistics, &sink)
      }
    }
    let kind = fibrils[index].kind
    switch fibrils[index].state {
    case .blocked:
      if fibrils[index].reason == .call, kind != .call, let number = UInt32(exactly: fibrils[index].object) {
        let since = fibrils[index].since
        statistics.note(call: number, duration: time - min(time, since), caller: fibrils[index].label(fibril))
      }
    case .unknown:
      // If it may be running now, the wake may be one that it takes when it blocks next.
      let current = running(at: number)
      let isByOther = byTask == task && byFibril != 0 && byFibril != fibril
      if current == fibril || (current == nil && kind != .call && !isByOther) {
        note(waker: byFibril, byTask, at: time, index)
        return
      }
    case .runnable, .running, .created: return
    }
    fibrils[index].enter(.runnable, at: time, fibril, frame, &sink)
    note(waker: byFibril, byTask, at: time, index)
  }

  private mutating func note(waker: UInt64, _ wakerTask: UInt32, at time: UInt64, _ index: Int) {
    if fibrils[index].kind == .call { return }
    fibrils[index].waker = waker
    fibrils[index].wakerTask = wakerTask
    fibrils[index].wakeTime = time
    fibrils[index].flags.insert(.woken)
  }

  private mutating func teardown(
    _ fibril: UInt64, _ result: Int64, _ number: UInt64, _ statistics: inout TimelineStatistics,
    _ sink: inout some TimelineSink
  ) {
    let index = track(fibril, number, was: .running, becomes: nil, &statistics, &sink)
    ran(index, fibril, number)
    let isKnown = fibrils[index].flags.contains(.submitKnown)
    sink.consume(
      FibrilEnd(
        label: fibrils[index].label(fibril), submitted: isKnown ? fibrils[index].submitted : nil, time: clock))
    if fibrils[index].state == .running, running(at: number) == fibril {
      end(at: clock, &sink)
      ending = fibril
      return
    }
    let mayPend = !fibrils[index].flags.isDisjoint(with: [.pended, .loss])
    if fibrils[index].kind != .call || mayPend {
      fibrils[index].close(at: clock, fibril, frame, isOpenEnded: false, &sink)
    }
    let track = fibrils[index]
    if track.kind == .call {
      let slice = callSlice(
        track, fibril, end: max(clock, track.begin), .returned(result),
        isInline: !mayPend && liesWithinSlice(ofParent: track))
      if slice.end > start { sink.consume(slice) }
      if track.flags.contains(.submitKnown) {
        statistics.note(call: track.call, duration: slice.end - min(slice.end, slice.since), caller: slice.parent)
      }
    }
    fibrils.remove(fibril)
  }

  /// The call began within the open slice of its parent, in which it ends now.
  private func liesWithinSlice(ofParent call: FibrilTrack) -> Bool {
    guard let index = fibrils.place(of: call.parent), !fibrils[index].flags.contains(.dead) else { return false }
    let state = fibrils[index].state
    return (state == .running || state == .unknown) && fibrils[index].begin <= call.begin
  }
}
