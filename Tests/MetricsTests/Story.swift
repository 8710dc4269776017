// A process whose every number can be checked by hand.
import CFibrilContract
import MadeRecordings
import TraceEvents

@testable import Metrics

/// One task that is told record by record; times are CLOCK_MONOTONIC in ns.
struct Story {
  var recorder = MetricsRecorder()
  private var records = TaskRecords()
  private var told: UInt64 = 0

  init(begin: UInt64 = 0) {
    recorder.begin(
      RecordedProcess(
        index: 0, processID: 4711, command: "server", executable: "/bin/server", clock: .monotonic, begin: begin))
    recorder.take(["", "worker"], from: 0, of: 0)
  }

  mutating func start(_ root: UInt64, at time: UInt64) {
    records.add(FIBRIL_RECORD_TASK_START, time: time, fibril: root, arg: 77)
  }
  mutating func spawn(_ fibril: UInt64, by parent: UInt64, at time: UInt64) {
    records.add(FIBRIL_RECORD_SUBMIT, time: time, fibril: fibril, arg: parent, arg32: FIBRIL_NO_CALL)
    records.add(FIBRIL_RECORD_SUBMIT_ENTRY, time: time, fibril: fibril, arg: 0x4000, arg32: 1)
  }
  mutating func submit(_ fibril: UInt64, call: UInt32, by parent: UInt64, at time: UInt64) {
    records.add(FIBRIL_RECORD_SUBMIT, time: time, fibril: fibril, arg: parent, arg32: call)
  }
  mutating func block(_ fibril: UInt64, _ reason: fibril_reason, object: UInt64 = 0, at time: UInt64) {
    records.add(FIBRIL_RECORD_BLOCK, time: time, fibril: fibril, arg: object, arg32: reason.rawValue)
  }
  mutating func turn(_ from: UInt64, _ to: UInt64, _ state: fibril_state, at time: UInt64) {
    records.add(FIBRIL_RECORD_SWITCH, time: time, fibril: to, arg: from, arg32: state.rawValue)
  }
  mutating func wake(_ fibril: UInt64, by waker: UInt64 = 0, at time: UInt64) {
    records.add(FIBRIL_RECORD_WAKE, time: time, fibril: fibril, arg: waker, arg32: waker == 0 ? 0 : 1)
  }
  mutating func end(_ fibril: UInt64, _ result: Int64 = 0, at time: UInt64) {
    records.add(FIBRIL_RECORD_TEARDOWN, time: time, fibril: fibril, arg: UInt64(bitPattern: result))
  }

  /// Tells what has come since the last time, and that it is all until `time`.
  mutating func tell(until time: UInt64) throws {
    try records.tell(&recorder, task: 1, process: 0)
    let next = records.next
    records = TaskRecords(from: next)
    recorder.mark(time)
  }

  /// A fibril that waits for its turn, runs, waits for a mutex, and ends; a call that pends and fails, one that is done in
  /// turn. All has come until 200, and another fibril waits since 150 for a semaphore.
  static func worked() throws -> Story {
    var story = Story()
    story.start(1, at: 0)
    story.spawn(2, by: 1, at: 10)
    story.block(1, FIBRIL_REASON_JOIN, object: 2, at: 20)
    story.turn(1, 2, FIBRIL_STATE_BLOCKED, at: 20)
    story.submit(3, call: 0, by: 2, at: 25)
    story.block(3, FIBRIL_REASON_CALL, object: 0, at: 26)
    story.submit(4, call: 262, by: 2, at: 30)
    story.end(4, -2, at: 33)
    story.block(2, FIBRIL_REASON_MUTEX, object: 0x5000, at: 50)
    story.turn(2, 0, FIBRIL_STATE_BLOCKED, at: 50)
    story.wake(3, at: 80)
    story.end(3, -11, at: 84)
    story.wake(2, at: 90)
    story.turn(0, 2, FIBRIL_STATE_NONE, at: 95)
    story.spawn(5, by: 2, at: 96)
    story.end(2, at: 100)
    story.wake(1, by: 2, at: 100)
    story.turn(2, 5, FIBRIL_STATE_DEAD, at: 101)
    story.block(5, FIBRIL_REASON_SEMAPHORE, object: 0x6000, at: 150)
    story.turn(5, 1, FIBRIL_STATE_BLOCKED, at: 150)
    try story.tell(until: 200)
    return story
  }
}
