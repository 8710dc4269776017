// One task: what it does, its living fibrils, and its losses. Fibrils never leave their task and its events come in
// order, so every state machine of a trace lives inside one of these.

import TraceEvents

struct TaskTrack {
  let task: UInt64
  var threadID: UInt32
  /// When the trace starts: nothing begins earlier.
  let start: UInt64
  var frame: TaskFrame { TaskFrame(task: task, start: start) }
  /// The latest time of an event other than a wake (whose time is its waker's).
  var clock: UInt64
  private(set) var activity: TaskActivity
  /// Where the open task slice begins.
  private(set) var begin: UInt64
  /// The snapshot's next number.
  let replayFrom: UInt64
  /// As the snapshot showed it: no switch has come yet.
  private var isFresh: Bool
  var fibrils = FibrilStore()
  /// The running fibril, after its teardown: it runs on, and wakes others, until the switch away from it.
  var ending: UInt64?
  /// The latest ones, and how many there were before them, which all its fibrils have been through.
  private(set) var losses: [Loss] = []
  private(set) var forgottenLosses: UInt32 = 0
  var lossCount: UInt32 { forgottenLosses &+ UInt32(truncatingIfNeeded: losses.count) }
  /// So many are kept at least, and as many as there are fibrils: letting all of those feel the losses is work.
  static let mostLosses = 256
  /// Fibrils whose end was lost would stay for ever. Once there are more than so many, those that have been silent
  /// from one loss to the next are forgotten.
  var fibrilsToForgetAt = mostSilentFibrils
  private static let mostSilentFibrils = 1 << 20
  /// The latest loss, as long as nothing has come after it.
  private var openLoss: LostRange?

  /// A gap in the records: the last time known before it and the first after it, and the numbers that it spans.
  struct Loss {
    var time: UInt64
    var endTime: UInt64
    var first: UInt64
    var end: UInt64
  }

  init(task: UInt64, threadID: UInt32, activity: TaskActivity, begin: UInt64, start: UInt64, replayFrom: UInt64?) {
    self.task = task
    self.threadID = threadID
    self.activity = activity
    self.begin = begin
    self.start = start
    self.replayFrom = replayFrom ?? 0
    isFresh = replayFrom != nil
    clock = start
  }

  /// The fibril that runs when the event of this number happens; 0 when asleep; nil when not known.
  @inline(__always)
  func running(at number: UInt64) -> UInt64? {
    // The snapshot is of a later moment, perhaps.
    if isFresh, number < replayFrom { return nil }
    return switch activity {
    case .running(let label): label.fibril
    case .asleep: 0
    case .unknown: nil
    }
  }

  /// Whether the activity is that this fibril runs.
  func shows(running fibril: UInt64) -> Bool {
    if case .running(let label) = activity { label.fibril == fibril } else { false }
  }

  // MARK: The task's own slices

  @inline(__always)
  mutating func become(_ next: TaskActivity, at time: UInt64, _ sink: inout some TimelineSink) {
    closeSlice(at: time, isOpenEnded: false, &sink)
    activity = next
  }

  @inline(__always)
  private mutating func closeSlice(at time: UInt64, isOpenEnded: Bool, _ sink: inout some TimelineSink) {
    let end = max(time, begin)
    if end > start {
      sink.consume(
        TaskSlice(
          task: task, threadID: threadID, activity: activity, begin: begin, end: end, isOpenEnded: isOpenEnded))
    }
    begin = end
  }

  /// The task changes from one fibril to another; fibril 0 is sleep.
  @inline(__always)
  mutating func turn(
    from previous: FibrilLabel, to next: FibrilLabel, at time: UInt64, _ sink: inout some TimelineSink
  ) {
    // Whatever the snapshot showed, and whenever it was taken: this was so until the first switch.
    if isFresh { activity = previous.fibril == 0 ? .asleep : .running(previous) }
    isFresh = false
    become(next.fibril == 0 ? .asleep : .running(next), at: time, &sink)
  }

  // MARK: Loss

  mutating func lose(records: UInt64, from number: UInt64, at time: UInt64, _ sink: inout some TimelineSink) {
    let (sum, overflow) = number.addingReportingOverflow(records)
    // The last record may have been a wake, whose time is older than what is known.
    let known = max(time, clock)
    let loss = Loss(time: known, endTime: known, first: number, end: overflow ? .max : sum)
    if var range = openLoss {
      range.records &+= records
      openLoss = range
      losses[losses.count - 1].end = max(losses[losses.count - 1].end, loss.end)
    } else {
      if losses.count >= max(Self.mostLosses, fibrils.count) { forgetLosses(&sink) }
      openLoss = LostRange(task: task, threadID: threadID, records: records, begin: loss.time, end: loss.time)
      losses.append(loss)
      if fibrils.count > fibrilsToForgetAt { forgetSilentFibrils(&sink) }
    }
    end(at: known, isCut: true, &sink)
    // What the snapshot showed may have come about within the gap.
    if isFresh, replayFrom >= number { activity = .unknown }
    isFresh = false
    if activity != .unknown { become(.unknown, at: loss.time, &sink) }
  }

  /// Lets all fibrils feel the losses so far, of which only the last is kept: a starved trace may have millions.
  private mutating func forgetLosses(_ sink: inout some TimelineSink) {
    for fibril in fibrils.fibrils {
      if let index = fibrils.place(of: fibril) { settle(index, fibril, &sink) }
    }
    forgottenLosses &+= UInt32(losses.count - 1)
    losses.removeFirst(losses.count - 1)
  }

  private mutating func forgetSilentFibrils(_ sink: inout some TimelineSink) {
    for fibril in fibrils.fibrils {
      guard let index = fibrils.place(of: fibril), fibrils[index].kind != .root, fibril != ending,
        lossCount &- fibrils[index].losses > 1
      else { continue }
      settle(index, fibril, &sink)
      if fibrils[index].state == .unknown { give(up: index, fibril, at: losses[losses.count - 1].time, &sink) }
    }
    fibrilsToForgetAt = fibrils.count + Self.mostSilentFibrils
  }

  /// Ends what is known of a fibril of which nothing more is to be expected.
  private mutating func give(up index: Int, _ fibril: UInt64, at time: UInt64, _ sink: inout some TimelineSink) {
    fibrils[index].close(at: time, fibril, frame, isOpenEnded: true, &sink)
    if fibrils[index].kind == .call {
      sink.consume(callSlice(fibrils[index], fibril, end: fibrils[index].begin, .lost, isInline: false))
    }
    fibrils.remove(fibril)
  }

  /// Something came after the loss: it has an end.
  @inline(__always)
  mutating func endLoss(at time: UInt64, _ sink: inout some TimelineSink) {
    guard var range = openLoss else { return }
    openLoss = nil
    range.end = max(range.begin, time)
    losses[losses.count - 1].endTime = range.end
    sink.consume(range)
  }

  // MARK: Ends

  /// Closes everything: the trace ends, or the task does (then its root has had its end, and what is left was given up).
  mutating func finish(
    at time: UInt64, taskStops: Bool, _ sink: inout some TimelineSink
  ) {
    endLoss(at: time, &sink)
    end(at: time, &sink)
    for fibril in fibrils.fibrils {
      guard let index = fibrils.place(of: fibril) else { continue }
      settle(index, fibril, &sink)
      let track = fibrils[index]
      if track.flags.contains(.dead) { continue }
      let isOpenEnded = !(taskStops && track.kind == .root)
      fibrils[index].close(at: time, fibril, frame, isOpenEnded: isOpenEnded, &sink)
      if track.kind == .call {
        let isLost = track.state == .unknown && track.flags.contains(.loss)
        sink.consume(
          callSlice(
            track, fibril, end: isLost ? track.begin : max(time, track.begin), isLost ? .lost : .unfinished,
            isInline: false))
      }
    }
    fibrils = FibrilStore()
    closeSlice(at: time, isOpenEnded: !taskStops, &sink)
  }

  func callSlice(_ track: FibrilTrack, _ fibril: UInt64, end: UInt64, _ ending: CallEnding, isInline: Bool) -> CallSlice
  {
    let begin = min(max(track.submitted, start), end)
    return CallSlice(
      fibril: fibril, task: task,
      parent: FibrilLabel(fibril: track.parent, kind: track.parentKind, name: track.parentName), call: track.call,
      begin: begin, end: end, since: track.submitted, ending: ending, isInline: isInline,
      hasLoss: track.flags.contains(.loss))
  }
}
