// Small traces that the exporters' tests write: events told as a story, and the bytes that come out.

import Exporters
import Timeline
import TraceEvents

/// Tells events of several tasks, in microseconds since the start of the trace.
struct Story {
  private(set) var events: [Event] = []
  private var numbers: [UInt64: UInt64] = [:]
  static let start: UInt64 = 5_000_000_000

  mutating func task(_ task: UInt64, from number: UInt64 = 0, _ steps: (Double, [Event.Body])...) {
    var next = numbers[task] ?? number
    for (time, bodies) in steps {
      for body in bodies {
        events.append(Event(time: Self.start + UInt64(time * 1000), task: task, number: next, body: body))
        if case .lost(let records) = body { next += records } else { next &+= 1 }
      }
    }
    numbers[task] = next
  }

  /// The whole file that the events make.
  func chromeJSON(
    command: String = "server", snapshot: ProcessSnapshot? = nil, names: [UInt32: String] = Self.names,
    until end: Double
  ) throws -> String {
    let file = File()
    var exporter = ChromeExporter(
      processID: 4711, command: command, start: Self.start, names: { names[$0] }, write: { file.bytes += $0 })
    var timeline = Timeline(start: Self.start)
    if let snapshot { timeline.begin(with: snapshot, into: &exporter) }
    for event in events { timeline.consume(event, into: &exporter) }
    timeline.finish(at: Self.start + UInt64(end * 1000), into: &exporter)
    try exporter.finalise()
    return String(decoding: file.bytes, as: UTF8.self)
  }

  static let names: [UInt32: String] = [1: "worker", 2: "accept loop"]
}

/// What an exporter has written.
final class File {
  var bytes: [UInt8] = []
}

extension Story {
  /// Two tasks. Fibrils 1 and 2 are their roots; 10 is woken by 11, 20 by 11 from the other task.
  static func twoTasks() -> Story {
    var story = Story()
    story.task(
      1,
      (2, [.taskStart(root: 1, threadID: 4711)]),
      (4, [.submitClosure(fibril: 10, parent: 1, entry: 0x1000, name: 1)]),
      (5, [.submitClosure(fibril: 11, parent: 1, entry: 0x1000, name: 1)]),
      (
        6,
        [
          .block(fibril: 1, reason: .join, object: 10, deadline: 0),
          .switch(from: 1, to: 10, previousState: .blocked),
        ]
      ),
      // An inline call, one that pends, and one that never ends.
      (7, [.submitCall(fibril: 12, parent: 10, call: 5)]),
      (9.5, [.teardown(fibril: 12, result: -9)]),
      (10, [.submitCall(fibril: 13, parent: 10, call: 0), .submitCall(fibril: 14, parent: 10, call: 257)]),
      (11, [.block(fibril: 13, reason: .call, object: 0, deadline: 0)]),
      (11.5, [.block(fibril: 14, reason: .call, object: 257, deadline: 0)]),
      (
        14,
        [
          .block(fibril: 10, reason: .wakeTarget, object: 0, deadline: 0),
          .switch(from: 10, to: 11, previousState: .blocked),
        ]
      ),
      (18, [.wake(fibril: 10, byTask: 1, byFibril: 11)]),
      (20, [.switch(from: 11, to: 10, previousState: .runnable)]),
      (26, [.switch(from: 10, to: 11, previousState: .runnable)]),
      (
        30,
        [
          .block(fibril: 11, reason: .sleep, object: 5_000, deadline: 5_000_035_000),
          .switch(from: 11, to: 10, previousState: .blocked),
        ]
      ),
      (31, [.wake(fibril: 13, byTask: 0, byFibril: 0)]),
      (31.25, [.teardown(fibril: 13, result: 512)]),
      (33, [.teardown(fibril: 10, result: 0)]),
      (33.1, [.wake(fibril: 1, byTask: 1, byFibril: 10)]),
      (33.2, [.switch(from: 10, to: 1, previousState: .dead)]),
      (
        34,
        [
          .block(fibril: 1, reason: .completions, object: 0, deadline: 0),
          .switch(from: 1, to: 0, previousState: .blocked),
        ]
      ),
      (36, [.wake(fibril: 11, byTask: 0, byFibril: 0)]),
      (38.123, [.switch(from: 0, to: 11, previousState: .none)])
    )
    story.task(
      2,
      (3, [.taskStart(root: 2, threadID: 4712)]),
      (4, [.submitClosure(fibril: 20, parent: 2, entry: 0x2000, name: 2)]),
      (
        5,
        [
          .block(fibril: 2, reason: .join, object: 0, deadline: 0),
          .switch(from: 2, to: 20, previousState: .blocked),
        ]
      ),
      (
        8,
        [
          .block(fibril: 20, reason: .call, object: 43, deadline: 0),
          .switch(from: 20, to: 0, previousState: .blocked),
        ]
      ),
      (16, [.wake(fibril: 20, byTask: 1, byFibril: 11)]),
      (17, [.switch(from: 0, to: 20, previousState: .none)]),
      (
        28,
        [
          .block(fibril: 20, reason: BlockReason(rawValue: 77), object: 3, deadline: 0),
          .switch(from: 20, to: 0, previousState: .blocked),
        ]
      )
    )
    return story
  }

  /// A trace that begins in the middle of a life, and loses records.
  static func attachedWithLoss() -> (Story, ProcessSnapshot) {
    var snapshot = ProcessSnapshot(processID: 4711, command: "server", ident: 1, time: start, runtime: "")
    snapshot.tasks = [
      TaskSnapshot(
        task: 1, threadID: 4711, running: 10, root: 1, runnable: 0, nextNumber: 500, counts: EventCounts())
    ]
    var root = FibrilSnapshot(fibril: 1, task: 1, state: .blocked)
    root.isRoot = true
    root.reason = .join
    root.object = 10
    root.since = start - 2_500_000
    var worker = FibrilSnapshot(fibril: 10, task: 1, state: .running)
    worker.parent = 1
    worker.name = 1
    var call = FibrilSnapshot(fibril: 13, task: 1, state: .blocked)
    call.parent = 10
    call.isCall = true
    call.call = 0
    call.reason = .call
    call.since = start - 1_000
    snapshot.fibrils = [root, worker, call]

    var story = Story()
    story.task(
      1, from: 500,
      (10, [.lost(records: 17)]),
      (20, [.switch(from: 10, to: 40, previousState: .blocked)]),
      (25, [.submitCall(fibril: 41, parent: 40, call: 9999), .teardown(fibril: 41, result: -600)]),
      (30, [.lost(records: 1)]))
    story.task(7, from: 3, (12, [.switch(from: 0, to: 50, previousState: .none)]))
    return (story, snapshot)
  }
}
