// The state that events add up to, against invented processes whose truth is known: what a flight recorder tells
// of the part that it has thrown away.

import Testing
import Timeline
import TraceEvents

@testable import FlightRecorder

extension ModelTests {
  @Test(arguments: seeds) func eventsAddUpToTheTable(seed: UInt64) {
    var model = Model(task: 1, seed: seed, recordsAllWakes: false)
    var state = TaskState(task: 1)
    var applied = 0
    for _ in 0..<200 {
      model.step()
      while applied < model.events.count {
        state.apply(model.events[applied])
        applied += 1
      }
      let live = model.fibrils.filter { $0.value.state != .dead }
      let shown = state.fibrilSnapshots().filter { $0.state != .dead }
      #expect(shown.map(\.fibril) == live.keys.sorted())
      for fibril in shown {
        guard let truth = live[fibril.fibril] else { continue }
        #expect(fibril.state == truth.state && fibril.isCall == truth.isCall && fibril.isRoot == truth.isRoot)
        #expect(fibril.reason == (truth.state == .blocked ? truth.reason : .none))
        #expect(fibril.parent == truth.parent && !fibril.changedWhileRead)
        if truth.state == .blocked, !truth.isCall { #expect(fibril.since == truth.since) }
      }
      #expect(state.running == model.running)
    }
  }

  /// The rest of a trace, shown on top of what its beginning came to, is as true as the whole.
  @Test(arguments: seeds) func theRestGoesOnFromThere(seed: UInt64) {
    var model = Model(task: 1, seed: seed, recordsAllWakes: false)
    var state = TaskState(task: 1)
    for _ in 0..<(50 + Int(seed)) { model.step() }
    model.events.forEach { state.apply($0) }
    let (first, start) = (model.events.count, model.time)
    var snapshot = ProcessSnapshot(processID: 1, command: "", ident: 0, time: start, runtime: "")
    snapshot.tasks = [state.snapshot(nextNumber: UInt64(first))]
    snapshot.fibrils = state.fibrilSnapshots()
    for _ in 0..<150 { model.step() }

    let (recorder, _) = run(start: start, snapshot, Array(model.events[first...]), end: model.time + 10)
    checkTruth(recorder, model)
    checkTracks(recorder)
    #expect(recorder.states.allSatisfy { $0.state != .unknown })
  }

  /// What was lost makes the fibrils of the task unknown, each until its next event.
  @Test func lossMakesTheStateUnknown() {
    var state = TaskState(task: 1)
    let bodies: [Event.Body] = [
      .taskStart(root: 1, threadID: 7), .spawn(2, by: 1), .spawn(3, by: 1), .lost(records: 5), .block(3, .sleep, 9),
    ]
    for (number, body) in bodies.enumerated() {
      state.apply(Event(time: 10, task: 1, number: UInt64(number), body: body))
    }
    let shown = state.fibrilSnapshots()
    #expect(shown.map(\.changedWhileRead) == [true, true, false])
    #expect(shown[2].state == .blocked && shown[2].reason == .sleep && shown[2].object == 9)
    #expect(state.running == nil)
  }

  /// What the table showed counts from its own number on, although no record has come.
  @Test func anIdleTaskKeepsTheTablesNumber() {
    let state = TaskState(
      TaskSnapshot(task: 1, threadID: 7, running: 0, root: 1, runnable: 0, nextNumber: 90, counts: EventCounts()))
    #expect(state.snapshot(nextNumber: 0).nextNumber == 90 && state.snapshot(nextNumber: 91).nextNumber == 91)
  }
}
