// Turns the records of a process's tasks into events: joins what takes two records, drops what was
// seen before, and says exactly what never arrived.
internal import CFibrilContract

/// Decodes the records of one process, task by task. Per task, events come out in the order of
/// their numbers; two tasks' events may come in any order of time.
///
/// The records come from another process and may be anything; a record that does not carry its
/// number counts as lost.
public struct RecordDecoder: Sendable {
  private var streams: [TaskStream] = []
  private var indices: [UInt64: Int] = [:]
  /// What came of tasks that have ended.
  private var ended = (received: UInt64(0), lost: UInt64(0), seen: 0)
  private var lostByEnded: [UInt64: UInt64] = [:]

  /// A process that invents tasks gets no more than this many at a time; the records of others are dropped.
  static let mostTasks = 1 << 16

  /// A decoder that has seen nothing.
  public init() {}

  /// Bytes of a record.
  public static var recordBytes: Int { MemoryLayout<fibril_record>.size }

  /// Records that never arrived, so far.
  public var lostRecords: UInt64 { streams.reduce(ended.lost) { $0.saturatingSum($1.lost) } }
  /// Records that arrived, those that extend others and the padding among them.
  public var receivedRecords: UInt64 { streams.reduce(ended.received) { $0.saturatingSum($1.received) } }
  /// Tasks of which at least one record arrived or was lost.
  public var seenTasks: Int { streams.reduce(ended.seen) { $0 + ($1.isSeen ? 1 : 0) } }

  /// How many records of each task never arrived; a task that lost none is not among them.
  public var lostByTask: [UInt64: UInt64] {
    streams.reduce(into: lostByEnded) { lost, stream in
      if stream.lost > 0 { lost[stream.task] = (lost[stream.task] ?? 0).saturatingSum(stream.lost) }
    }
  }

  /// Takes everything of `task` below `number` for old.
  public mutating func begin(task: UInt64, at number: UInt64) {
    guard let index = streamIndex(of: task) else { return }
    streams[index].expected = max(streams[index].expected, number)
  }

  /// Lets `task` begin as late as with `number`: if records in front of it do not come, they went to
  /// somebody else and are not lost.
  public mutating func mayBegin(task: UInt64, at number: UInt64) {
    guard let index = streamIndex(of: task) else { return }
    streams[index].latestStart = number
  }

  /// The number of `task`'s next record.
  public func expectedNumber(ofTask task: UInt64) -> UInt64 {
    indices[task].map { streams[$0].expected } ?? 0
  }

  /// Decodes successive records of one task, the first of them numbered `first`, and appends what
  /// they say to `events`. Loss that shows is among it, as an event of its own.
  public mutating func decode(
    _ records: RawSpan, task: UInt64, first: UInt64, clock: inout TickClock, into events: inout [Event]
  ) {
    guard let index = streamIndex(of: task) else { return }
    let size = MemoryLayout<fibril_record>.size
    for position in 0..<(records.byteCount / size) {
      // Any bytes make a record, and the span checks the bounds.
      let record = unsafe records.unsafeLoadUnaligned(fromByteOffset: position * size, as: fibril_record.self)
      streams[index].take(record, number: first &+ UInt64(position), clock: &clock, into: &events)
    }
  }

  /// Says that `task` has written the records below `end` and that no more of them will come. It is forgotten, but for
  /// what came of it.
  public mutating func end(task: UInt64, at end: UInt64, into events: inout [Event]) {
    guard let index = streamIndex(of: task) else { return }
    streams[index].skip(to: end, into: &events)
    streams[index].release(into: &events)
    let stream = streams[index]
    ended.received = ended.received.saturatingSum(stream.received)
    ended.lost = ended.lost.saturatingSum(stream.lost)
    if stream.isSeen { ended.seen += 1 }
    if stream.lost > 0, lostByEnded.count < Self.mostTasks {
      lostByEnded[task] = (lostByEnded[task] ?? 0).saturatingSum(stream.lost)
    }
    indices[task] = nil
    let last = streams.removeLast()
    guard index < streams.count else { return }
    streams[index] = last
    indices[last.task] = index
  }

  /// Says that nothing will come any more: gives out what waited for a record that extends it.
  public mutating func finish(into events: inout [Event]) {
    for index in streams.indices { streams[index].release(into: &events) }
  }

  private mutating func streamIndex(of task: UInt64) -> Int? {
    if let index = indices[task] { return index }
    guard streams.count < Self.mostTasks else { return nil }
    indices[task] = streams.count
    streams.append(TaskStream(task: task))
    return streams.count - 1
  }
}

/// Where one task's stream of records stands.
private struct TaskStream: Sendable {
  let task: UInt64
  var expected: UInt64 = 0
  var received: UInt64 = 0
  var lost: UInt64 = 0
  var latestStart: UInt64 = 0
  var isSeen: Bool { received > 0 || lost > 0 }
  private var lastTime: UInt64 = 0
  /// An event whose second record may be yet to come: reading from outside may end between both.
  private var waiting: Event?

  init(task: UInt64) {
    self.task = task
  }

  mutating func take(_ record: fibril_record, number: UInt64, clock: inout TickClock, into events: inout [Event]) {
    guard number >= expected, record.number16 == UInt16(truncatingIfNeeded: number), number < .max else { return }
    skip(to: number, into: &events)
    expected = number + 1
    received += 1
    let kind = UInt32(record.kind)
    if extend(record, kind) {
      // A submit is whole with its entry, and whoever submits may run on for long.
      if kind == FIBRIL_RECORD_SUBMIT_ENTRY.rawValue { release(into: &events) }
      return
    }
    release(into: &events)
    guard let body = Event.Body(record, kind) else { return }
    lastTime = clock.nanoseconds(atTicks: record.time)
    let event = Event(time: lastTime, task: task, number: number, body: body)
    if FIBRIL_RECORD_SUBMIT.rawValue == kind && record.arg32 == Self.noCall || FIBRIL_RECORD_BLOCK.rawValue == kind {
      waiting = event
    } else {
      events.append(event)
    }
  }

  /// Takes the records below `number` that have not come for lost.
  mutating func skip(to number: UInt64, into events: inout [Event]) {
    if received == 0 && lost == 0 { expected = max(expected, min(number, latestStart)) }
    guard number > expected else { return }
    release(into: &events)
    lost = lost.saturatingSum(number - expected)
    events.append(Event(time: lastTime, task: task, number: expected, body: .lost(records: number - expected)))
    expected = number
  }

  mutating func release(into events: inout [Event]) {
    guard let event = waiting else { return }
    waiting = nil
    events.append(event)
  }

  /// Joins a record to the one in front of it; true for every record of these kinds, since without
  /// the one in front, which was lost, it says nothing.
  private mutating func extend(_ record: fibril_record, _ kind: UInt32) -> Bool {
    switch kind {
    case FIBRIL_RECORD_SUBMIT_ENTRY.rawValue:
      if case .submitClosure(record.fibril, let parent, _, _) = waiting?.body {
        waiting?.body = .submitClosure(
          fibril: record.fibril, parent: parent, entry: record.arg, name: record.arg32)
      }
      return true
    case FIBRIL_RECORD_BLOCK_DEADLINE.rawValue:
      if case .block(record.fibril, let reason, let stack, let object, _) = waiting?.body {
        waiting?.body = .block(
          fibril: record.fibril, reason: reason, stack: stack, object: object, deadline: record.arg)
      }
      return true
    case FIBRIL_RECORD_STACK.rawValue:
      if case .block(record.fibril, let reason, _, let object, let deadline) = waiting?.body {
        waiting?.body = .block(
          fibril: record.fibril, reason: reason, stack: record.arg32, object: object, deadline: deadline)
      }
      return true
    default:
      return false
    }
  }

  fileprivate static let noCall: UInt32 = FIBRIL_NO_CALL
}

extension Event.Body {
  /// What a record says; nil for padding, and for kinds that are younger than this program.
  fileprivate init?(_ record: fibril_record, _ kind: UInt32) {
    switch kind {
    case FIBRIL_RECORD_TASK_START.rawValue:
      self = .taskStart(root: record.fibril, threadID: UInt32(truncatingIfNeeded: record.arg))
    case FIBRIL_RECORD_TASK_STOP.rawValue:
      self = .taskStop(root: record.fibril)
    case FIBRIL_RECORD_SUBMIT.rawValue:
      self =
        record.arg32 == TaskStream.noCall
        ? .submitClosure(fibril: record.fibril, parent: record.arg, entry: 0, name: 0)
        : .submitCall(fibril: record.fibril, parent: record.arg, call: record.arg32)
    case FIBRIL_RECORD_SWITCH.rawValue:
      self = .switch(
        from: record.arg, to: record.fibril,
        previousState: FibrilState(rawValue: UInt8(truncatingIfNeeded: record.arg32)))
    case FIBRIL_RECORD_BLOCK.rawValue:
      self = .block(
        fibril: record.fibril, reason: BlockReason(rawValue: record.arg32), object: record.arg, deadline: 0)
    case FIBRIL_RECORD_WAKE.rawValue:
      self = .wake(fibril: record.fibril, byTask: record.arg32, byFibril: record.arg)
    case FIBRIL_RECORD_TEARDOWN.rawValue:
      self = .teardown(fibril: record.fibril, result: Int64(bitPattern: record.arg))
    default:
      return nil
    }
  }
}

extension UInt64 {
  func saturatingSum(_ other: UInt64) -> UInt64 {
    let (sum, overflow) = addingReportingOverflow(other)
    return overflow ? .max : sum
  }
}
