// How a snapshot joins the events: right states from the start, and events that it already showed change nothing.

import Testing
import Timeline
import TraceEvents

@Suite struct SnapshotTests {
  /// A task 1 whose records go on at `next`, with the given fibrils; `running` runs.
  private func snapshot(running: UInt64 = 1, next: UInt64 = 100, _ fibrils: FibrilSnapshot...) -> ProcessSnapshot {
    var snapshot = ProcessSnapshot(processID: 1, command: "a", ident: 1, time: 1000, runtime: "")
    snapshot.tasks = [
      TaskSnapshot(
        task: 1, threadID: 100, running: running, root: 1, runnable: 0, nextNumber: next, counts: EventCounts())
    ]
    snapshot.fibrils = fibrils
    return snapshot
  }

  private func fibril(
    _ fibril: UInt64, _ state: FibrilState, next: UInt64 = 100, since: UInt64 = 400, isRoot: Bool = false,
    call: UInt32? = nil
  ) -> FibrilSnapshot {
    var entry = FibrilSnapshot(fibril: fibril, task: 1, state: state)
    entry.nextNumber = next
    entry.since = since
    entry.isRoot = isRoot
    entry.isCall = call != nil
    entry.call = call
    entry.parent = isRoot ? 0 : 1
    entry.name = isRoot ? 0 : 3
    if state == .blocked {
      entry.reason = call == nil ? .join : .call
      entry.object = call.map(UInt64.init) ?? 9
    }
    return entry
  }

  @Test func statesBeginWithTheTraceAndKeepTheirSince() {
    var task = OneTask(
      start: 1000, from: 100,
      snapshot: snapshot(
        fibril(1, .running, isRoot: true), fibril(2, .blocked), fibril(3, .runnable), fibril(4, .blocked, call: 35)))
    task.at(1010, .yield(1, 3))
    task.at(1020, .end(4, 7))
    task.finish(at: 1030)
    #expect(task.recorder.track(1) == ["running 1000-1010", "runnable 1010-1030…"])
    #expect(task.recorder.track(2) == ["blocked(3 9) 1000-1030… since 400"])
    #expect(task.recorder.track(3) == ["runnable 1000-1010", "running 1010-1030…"])
    #expect(task.recorder.task(1) == ["1 1000-1010", "3 1010-1030…"])
    #expect(task.recorder.calls.map(\.since) == [400])
    #expect(task.recorder.calls.map(\.begin) == [1000])
    #expect(task.recorder.calls.map(\.isInline) == [false])
    #expect(task.recorder.fibrils.map(\.label.kind) == [.root, .closure, .closure, .call])
    #expect(task.timeline.statistics.fibrils == 3)
    #expect(task.timeline.statistics.slowestCall?.duration == 620)
  }

  @Test func aRepeatedBlockSaysWhenItBecameSo() {
    // The table was read after 2 had blocked, and the block is the first record.
    var task = OneTask(
      start: 1000, from: 100,
      snapshot: snapshot(running: 0, fibril(1, .blocked, next: 90, isRoot: true), fibril(2, .blocked)))
    task.at(1010, .block(2, .join, 9), .park(2, 0))
    task.finish(at: 1030)
    #expect(task.recorder.track(2) == ["running 1000-1010", "blocked(3 9) 1010-1030…"])
    #expect(task.recorder.task(1) == ["2 1000-1010", "asleep 1010-1030…"])
  }

  @Test func aRepeatedSwitch() {
    var task = OneTask(
      start: 1000, from: 100,
      snapshot: snapshot(running: 2, fibril(1, .runnable, isRoot: true), fibril(2, .running)))
    task.at(1010, .yield(1, 2))
    task.at(1020, .yield(2, 1))
    task.finish(at: 1030)
    #expect(task.recorder.track(1) == ["running 1000-1010", "runnable 1010-1020", "running 1020-1030…"])
    #expect(task.recorder.track(2) == ["runnable 1000-1010", "running 1010-1020", "runnable 1020-1030…"])
    #expect(task.recorder.task(1) == ["1 1000-1010", "2 1010-1020", "1 1020-1030…"])
  }

  @Test func aRepeatedWake() {
    // The first record is the wake that made 2 runnable; why it was blocked is not known.
    var task = OneTask(
      start: 1000, from: 100, snapshot: snapshot(fibril(1, .running, isRoot: true), fibril(2, .runnable)))
    task.at(1010, .wake(2, by: 1))
    task.at(1020, .yield(1, 2))
    task.finish(at: 1030)
    #expect(task.recorder.track(2) == ["blocked 1000-1010", "runnable 1010-1020", "running 1020-1030…"])
    #expect(task.recorder.flows(to: 2) == ["1 1010 -> 1020"])
  }

  @Test func aWakeThatTheSnapshotDidNotShow() {
    // No record was made before the trace: number 100 can be a new event as well.
    var task = OneTask(
      start: 1000, from: 100, snapshot: snapshot(fibril(1, .running, isRoot: true), fibril(2, .blocked)))
    task.at(1010, .wake(2))
    task.finish(at: 1030)
    #expect(task.recorder.track(2) == ["blocked(3 9) 1000-1010 since 400", "runnable 1010-1030…"])
  }

  @Test func aRepeatedSubmitIsTheBeginning() {
    var task = OneTask(
      start: 1000, from: 100,
      snapshot: snapshot(fibril(1, .running, next: 90, isRoot: true), fibril(2, .runnable), fibril(3, .none, call: 35)))
    task.at(1010, .spawn(2))
    task.at(1015, .call(3))
    task.at(1018, .end(3))
    task.finish(at: 1030)
    #expect(task.recorder.track(2) == ["runnable 1010-1030…"])
    #expect(task.recorder.calls.map(\.begin) == [1015])
    #expect(task.recorder.calls.map(\.isInline) == [true])
    #expect(task.timeline.statistics.fibrils == 2)
  }

  @Test func eventsOlderThanTheEntryTellItsPast() {
    // Events from 100 on; 2 was read when the records were at 103.
    var task = OneTask(
      start: 1000, from: 100,
      snapshot: snapshot(next: 103, fibril(1, .running, next: 102, isRoot: true), fibril(2, .blocked, next: 101)))
    task.at(1010, .yield(1, 2))
    task.at(1020, .block(2, .join, 9), .park(2, 1))
    task.at(1025, .wake(2, by: 1))
    task.finish(at: 1030)
    #expect(task.recorder.track(1) == ["running 1000-1010", "runnable 1010-1020", "running 1020-1030…"])
    #expect(
      task.recorder.track(2) == [
        "runnable 1000-1010", "running 1010-1020", "blocked(3 9) 1020-1025", "runnable 1025-1030…",
      ])
  }

  @Test func whatWasOverBeforeTheTraceIsNotShown() {
    // The probes were attached a while before the start was noted.
    var task = OneTask(
      start: 1000, from: 100,
      snapshot: snapshot(
        next: 108, fibril(1, .running, next: 107, isRoot: true), fibril(2, .blocked, next: 104, since: 920)))
    task.at(900, .block(1, .join, 9), .park(1, 2))
    task.at(910, .call(3, by: 2), .end(3))
    task.at(920, .block(2, .join, 9), .park(2, 0))
    task.at(930, .wake(1), .resume(1))
    task.at(1010, .wake(2, by: 1))
    task.finish(at: 1030)
    #expect(task.recorder.track(1) == ["running 1000-1030…"])
    #expect(task.recorder.track(2) == ["blocked(3 9) 1000-1010", "runnable 1010-1030…"])
    #expect(task.recorder.task(1) == ["1 1000-1030…"])
    #expect(task.recorder.calls.isEmpty && task.recorder.flows.isEmpty)
  }

  @Test func theDeadShowOnlyIfTheyDiedWithinTheTrace() {
    var task = OneTask(
      start: 1000, from: 100,
      snapshot: snapshot(
        fibril(1, .running, next: 101, isRoot: true), fibril(2, .dead, next: 100), fibril(3, .dead, next: 80)))
    task.at(1010, .end(2), .leave(2, 1))
    task.at(1020, .wake(3))
    task.finish(at: 1030)
    #expect(task.recorder.track(2) == ["running 1000-1010"])
    #expect(task.recorder.track(3) == [])
    #expect(task.recorder.fibrils.map(\.label.fibril) == [1, 2])
    #expect(task.timeline.statistics.fibrils == 1)
  }

  @Test func theFirstEventTellsOfAnEntryThatKeptChanging() {
    let torn = [fibril(1, .running, isRoot: true)] + (2...6).map { fibril($0, .blocked) }
    var table = snapshot()
    table.fibrils = torn.map { entry in
      var entry = entry
      entry.changedWhileRead = true
      return entry
    }
    var task = OneTask(start: 1000, from: 100, snapshot: table)
    task.at(1010, .yield(1, 2))
    task.at(1020, .wake(3))
    task.at(1030, .block(2), .park(2, 4), .end(4), .leave(4, 1))
    task.finish(at: 1040)
    #expect(task.recorder.track(1) == ["running 1000-1010", "runnable 1010-1030", "running 1030-1040…"])
    #expect(task.recorder.track(2) == ["runnable 1000-1010", "running 1010-1030", "blocked(5 700) 1030-1040…"])
    #expect(task.recorder.track(3) == ["blocked 1000-1020", "runnable 1020-1040…"])
    // Whoever has no event stays unknown.
    #expect(task.recorder.track(5) == ["unknown 1000-1040…"])
  }

  @Test func aLossThatTheSnapshotOutlives() {
    // The table was read when the records were at 200; 100 to 149 never came.
    var task = OneTask(
      start: 1000, from: 100,
      snapshot: snapshot(next: 200, fibril(1, .running, next: 120, isRoot: true), fibril(2, .blocked, next: 50)))
    task.at(1000, .lost(records: 50))
    task.at(1010, .call(3), .end(3))
    task.finish(at: 1030)
    #expect(task.recorder.track(2) == ["unknown 1000-1010", "blocked(3 9) 1010-1030… since 400"])
    #expect(task.recorder.track(1) == ["unknown 1000-1010", "running 1010-1030…"])
  }

  @Test func aLossThatTheSnapshotDoesNotKnow() {
    var task = OneTask(
      start: 1000, from: 100,
      snapshot: snapshot(next: 120, fibril(1, .running, isRoot: true), fibril(2, .blocked, next: 50)))
    task.at(1005, .lost(records: 50))
    task.finish(at: 1030)
    #expect(task.recorder.track(2) == ["blocked(3 9) 1000-1005 since 400", "unknown 1005-1030…"])
  }

  @Test func aStateThatMayHaveComeAboutInTheLossWasNotThereBefore() {
    var task = OneTask(
      start: 1000, from: 100,
      snapshot: snapshot(running: 2, next: 110, fibril(1, .runnable, isRoot: true), fibril(2, .running, next: 104)))
    task.at(1005, .lost(records: 50))
    task.at(1010, .yield(2, 1))
    task.finish(at: 1030)
    #expect(task.recorder.track(2) == ["unknown 1000-1010", "runnable 1010-1030…"])
    #expect(task.recorder.task(1) == ["unknown 1000-1010", "1 1010-1030…"])
  }
}
