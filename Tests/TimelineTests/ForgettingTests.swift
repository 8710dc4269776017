// Fibrils whose end was lost: with loss after loss they must not fill the memory.

import Testing
import TraceEvents

@testable import FlightRecorder
@testable import Timeline

@Suite struct ForgettingTests {
  /// Root 1 runs and submits a hundred fibrils; then records are lost, fibril 2 wakes, and records are lost again.
  private func forEachEvent(_ body: (Event) -> Void) {
    var number: UInt64 = 0
    func at(_ time: UInt64, _ event: Event.Body) {
      body(Event(time: time, task: 1, number: number, body: event))
      if case .lost(let records) = event { number += records } else { number += 1 }
    }
    for fibril: UInt64 in 2...100 { at(10, .spawn(fibril)) }
    at(20, .call(101))
    at(30, .lost(records: 5))
    at(40, .yield(1, 2))
    at(50, .lost(records: 5))
    at(60, .yield(2, 1))
    at(70, .block(3))
  }

  @Test func theTimelineEndsThoseThatAreSilent() {
    var track = TaskTrack(
      task: 1, threadID: 100, activity: .unknown, begin: 0, start: 0, replayFrom: nil)
    var statistics = TimelineStatistics()
    var recorder = Recorder()
    forEachEvent { event in
      track.fibrilsToForgetAt = event.time < 50 ? 1000 : 50
      if case .lost(let records) = event.body {
        track.lose(records: records, from: event.number, at: event.time, &recorder)
      } else {
        track.apply(event, &statistics, &recorder)
      }
    }
    #expect(track.fibrils.fibrils == [1, 2, 3])
    #expect(recorder.track(99) == ["runnable 10-30", "unknown 30-50…"])
    #expect(recorder.calls.map(\.ending) == [.lost])
    // One that comes back is right again.
    track.finish(at: 80, taskStops: false, &recorder)
    #expect(recorder.track(3) == ["runnable 10-30", "unknown 30-50…", "unknown 50-70", "blocked(5 700) 70-80…"])
  }

  @Test func theFlightRecorderForgetsThem() {
    var state = TaskState(task: 1)
    forEachEvent { event in
      state.fibrilsToForgetAt = event.time < 50 ? 1000 : 50
      state.apply(event)
    }
    #expect(state.fibrilSnapshots().map(\.fibril) == [1, 2, 3])
  }
}
