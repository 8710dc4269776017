// The timeline against invented processes whose truth is known: whole traces, traces that begin in the middle, and
// traces with losses.

import Testing
@testable import Timeline
import TraceEvents

@Suite struct ModelTests {
  static let seeds: [UInt64] = Array(1...60)

  @Test(arguments: seeds) func wholeTraceIsTheTruth(seed: UInt64) {
    var model = Model(task: 1, seed: seed, recordsAllWakes: true)
    for _ in 0..<300 { model.step() }
    let (recorder, timeline) = run(start: 900, nil, model.events, end: model.time + 10)

    for (id, fibril) in model.fibrils {
      let isInline = recorder.calls.contains { $0.fibril == id && $0.isInline }
      let slices = recorder.states.filter { $0.label.fibril == id }
      var truth = fibril.truth
      if fibril.state == .dead { truth.removeLast() }
      #expect(slices.map(\.state) == (isInline ? [] : truth.map(\.state)), "fibril \(id)")
      #expect(slices.map(\.begin) == (isInline ? [] : truth.map(\.time)), "fibril \(id)")
    }
    #expect(recorder.activities.map(\.begin) == model.truth.map(\.time))
    #expect(
      recorder.activities.map { slice in
        if case .running(let label) = slice.activity { label.fibril } else { 0 }
      } == model.truth.map(\.running))
    checkTracks(recorder)
    checkCounts(recorder, timeline, model)
  }

  @Test(arguments: seeds) func attachedInTheMiddle(seed: UInt64) {
    var model = Model(task: 1, seed: seed, recordsAllWakes: false)
    for _ in 0..<(100 + Int(seed % 100)) { model.step() }
    let first = model.events.count
    let start = model.time
    let snapshot = readTable(&model)
    for _ in 0..<100 { model.step() }
    let events = Array(model.events[first...])
    let (recorder, _) = run(start: start, snapshot, events, end: model.time + 10)

    checkTruth(recorder, model)
    checkTracks(recorder)
    // Whoever lived when the trace began is shown from then on.
    for (id, fibril) in model.fibrils where fibril.truth[0].time < start {
      let diedBefore = fibril.state == .dead && fibril.truth.last!.time < start
      let slices = recorder.states.filter { $0.label.fibril == id }
      #expect(diedBefore == slices.isEmpty || fibril.truth.last!.time == start, "fibril \(id)")
      if let slice = slices.first { #expect(slice.begin == start) }
    }
    // Only of a call whose end was the first thing seen, it is not known what it did before; and of a fibril whose entry
    // was torn, if nothing was seen.
    let torn = Set(snapshot.fibrils.filter(\.changedWhileRead).map(\.fibril))
    for slice in recorder.states where slice.state == .unknown && slice.label.kind != .call {
      #expect(torn.contains(slice.label.fibril) && slice.begin == start && slice.isOpenEnded, "\(slice)")
    }
  }

  @Test(arguments: seeds) func lossIsNeverAWrongState(seed: UInt64) {
    var model = Model(task: 1, seed: seed, recordsAllWakes: seed % 2 == 0)
    for _ in 0..<50 { model.step() }
    let first = seed % 2 == 0 ? 0 : model.events.count
    let start = first == 0 ? 0 : model.time
    let snapshot = first == 0 ? nil : readTable(&model)
    for _ in 0..<300 { model.step() }

    var random = Random(seed: seed)
    var events: [Event] = []
    var lost: UInt64 = 0
    var index = first
    while index < model.events.count {
      if index > 0, random.chance(4) {
        let count = min(1 + random.below(12), model.events.count - index)
        let time = model.events[index - 1].time
        events.append(Event(time: time, task: 1, number: UInt64(index), body: .lost(records: UInt64(count))))
        lost += UInt64(count)
        index += count
      } else {
        events.append(model.events[index])
        index += 1
      }
    }
    let (recorder, timeline) = run(start: start, snapshot, events, end: model.time + 10)
    checkTruth(recorder, model)
    checkTracks(recorder)
    #expect(timeline.statistics.lost == lost)
    #expect(recorder.lost.reduce(0) { $0 + $1.records } == lost)
    #expect(
      Int(timeline.statistics.events)
        == events.count { event in
          if case .lost = event.body { false } else { true }
        })
  }

  /// Not all losses of a starved trace are remembered.
  @Test func manyLosses() {
    var model = Model(task: 1, seed: 3, recordsAllWakes: false)
    for _ in 0..<6000 { model.step() }
    var events: [Event] = []
    var losses = 0
    for (index, event) in model.events.enumerated() {
      if index % 7 == 6 {
        let time = model.events[index - 1].time
        events.append(Event(time: time, task: 1, number: UInt64(index), body: .lost(records: 1)))
        losses += 1
      } else {
        events.append(event)
      }
    }
    #expect(losses > 2 * TaskTrack.mostLosses)
    let (recorder, _) = run(start: 0, nil, events, end: model.time + 10)
    checkTruth(recorder, model)
    checkTracks(recorder)
    #expect(recorder.lost.count == losses)
  }

  // MARK: Runs

  func run(
    start: UInt64, _ snapshot: ProcessSnapshot?, _ events: [Event], end: UInt64
  ) -> (Recorder, Timeline) {
    var recorder = Recorder()
    var timeline = Timeline(start: start)
    if let snapshot { timeline.begin(with: snapshot, into: &recorder) }
    for event in events { timeline.consume(event, into: &recorder) }
    timeline.finish(at: end, into: &recorder)
    return (recorder, timeline)
  }

  /// Reads the table entry by entry, while the process goes on.
  private func readTable(_ model: inout Model) -> ProcessSnapshot {
    var snapshot = ProcessSnapshot(processID: 1, command: "model", ident: 1, time: 0, runtime: "")
    snapshot.tasks = [model.taskEntry()]
    for id in model.fibrils.keys.sorted() {
      if model.random.chance(30) { model.step() }
      var entry = model.entry(id)
      if entry.state != .dead, model.random.chance(20) { entry.changedWhileRead = true }
      snapshot.fibrils.append(entry)
    }
    return snapshot
  }

  // MARK: Checks

  /// Every slice that says something says the truth.
  func checkTruth(_ recorder: Recorder, _ model: Model) {
    for slices in Dictionary(grouping: recorder.states, by: \.label.fibril).values {
      for (index, slice) in slices.enumerated() where slice.state != .unknown && slice.begin < slice.end {
        // A wake may be older than the block in front of it, or the last record before a loss; if that is lost, nobody
        // can tell.
        let beginsAfterLoss = slices[..<index].suffix(2).contains { $0.state == .unknown }
        let endsWithLoss = index + 1 < slices.count && slices[index + 1].state == .unknown
        let begin = slice.begin + (beginsAfterLoss ? Model.longestWakeDelay : 0)
        let end = min(slice.end - (endsWithLoss ? Model.longestWakeDelay : 0), model.time)
        if begin >= end { continue }
        let isTrue = model.was(slice.label.fibril, slice.state, begin, end)
        #expect(isTrue, "\(slice)")
      }
    }
    for slice in recorder.activities where slice.activity != .unknown && slice.begin < slice.end {
      let running = if case .running(let label) = slice.activity { label.fibril } else { UInt64(0) }
      let truth = model.truth
      let isTrue = truth.indices.contains { index in
        truth[index].running == running && truth[index].time <= slice.begin
          && (index + 1 == truth.count || slice.end <= truth[index + 1].time)
      }
      #expect(isTrue, "\(slice)")
    }
  }

  /// The slices of a track lie end to end; inline calls lie within one slice of their parent.
  func checkTracks(_ recorder: Recorder) {
    for (fibril, slices) in Dictionary(grouping: recorder.states, by: \.label.fibril) {
      for (slice, next) in zip(slices, slices.dropFirst()) { #expect(slice.end == next.begin, "fibril \(fibril)") }
      for slice in slices { #expect(slice.begin <= slice.end && slice.since <= slice.begin) }
      for slice in slices.dropLast() { #expect(!slice.isOpenEnded) }
    }
    for (slice, next) in zip(recorder.activities, recorder.activities.dropFirst()) { #expect(slice.end == next.begin) }
    for call in recorder.calls where call.isInline {
      #expect(
        recorder.states.contains {
          $0.label.fibril == call.parent.fibril && $0.begin <= call.begin && call.end <= $0.end
            && ($0.state == .running || $0.state == .unknown)
        }, "\(call)")
    }
    for flow in recorder.flows {
      #expect(flow.wakeTime <= flow.switchTime && flow.runnableTime <= flow.switchTime)
      #expect(
        recorder.states.contains {
          $0.label.fibril == flow.woken.fibril && $0.state == .running && $0.begin == flow.switchTime
        }, "\(flow)")
    }
  }

  private func checkCounts(_ recorder: Recorder, _ timeline: Timeline, _ model: Model) {
    let counts = timeline.statistics.counts
    #expect(Int(counts.blocks) == recorder.states.count { $0.state == .blocked })
    #expect(Int(counts.submits) == model.fibrils.count - 1)
    #expect(timeline.statistics.fibrils == counts.submits)
    #expect(Int(counts.teardowns) == model.fibrils.count { $0.value.state == .dead })
    #expect(Int(counts.switches + counts.sleeps + counts.resumes) == recorder.activities.count - 1)
    #expect(Int(timeline.statistics.events) == model.events.count)
  }
}
