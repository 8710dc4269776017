// One living fibril: its open slice, and what must be remembered until it closes. Plain words, no references, since a
// trace may have a million of them at once.

import TraceEvents

/// The task a fibril is in, and the start of the trace.
struct TaskFrame {
  var task: UInt64
  var start: UInt64
}

struct FibrilTrack {
  /// Where the open slice begins.
  var begin: UInt64
  /// When its state really began.
  var since: UInt64
  /// What it waits for, while blocked.
  var object: UInt64 = 0
  var parent: UInt64
  /// When it was submitted, as far as is known.
  var submitted: UInt64
  /// The snapshot's next number: an event below it is older than what the snapshot shows, the one with this number may
  /// be what it shows.
  var replayFrom: UInt64 = 0
  /// Who woke it last, and when, until the flow is told.
  var waker: UInt64 = 0
  var wakeTime: UInt64 = 0
  var runnableTime: UInt64 = 0
  var wakerTask: UInt32 = 0
  var reason = BlockReason.none
  /// The user stack that it blocked with; 0: not recorded.
  var stack: UInt32 = 0
  var call: UInt32 = 0
  var name: UInt32
  var parentName: UInt32 = 0
  /// How many losses of its task it has been through.
  var losses: UInt32
  var parentKind = FibrilKind.unknown
  let kind: FibrilKind
  private(set) var state: SliceState
  var flags: Flags = []

  struct Flags: OptionSet {
    var rawValue: UInt8
    /// As the snapshot showed it: no event has come yet.
    static let fresh = Flags(rawValue: 1)
    /// A wake was seen whose flow has not been told.
    static let woken = Flags(rawValue: 2)
    /// A call that has blocked.
    static let pended = Flags(rawValue: 4)
    /// Records were lost while it lived.
    static let loss = Flags(rawValue: 8)
    /// As the snapshot showed it: torn down. It has no slices, unless an older event comes.
    static let dead = Flags(rawValue: 16)
    /// Its submit was seen, or a snapshot told when it was.
    static let submitKnown = Flags(rawValue: 32)
  }

  init(kind: FibrilKind, name: UInt32, parent: UInt64, state: SliceState, begin: UInt64, losses: UInt32) {
    self.kind = kind
    self.name = name
    self.parent = parent
    self.state = state
    self.begin = begin
    since = begin
    submitted = begin
    self.losses = losses
  }

  @inline(__always)
  func label(_ fibril: UInt64) -> FibrilLabel {
    FibrilLabel(fibril: fibril, kind: kind, name: name)
  }

  /// Closes the open slice at `time`, or where it begins if that is later, and opens one of another state there.
  @inline(__always)
  mutating func enter(
    _ next: SliceState, at time: UInt64, _ fibril: UInt64, _ frame: TaskFrame, isCut: Bool = false,
    _ sink: inout some TimelineSink
  ) {
    let wasRunnable = state == .runnable
    let previousBegin = begin
    close(at: time, fibril, frame, isOpenEnded: false, isCut: isCut, &sink)
    state = next
    since = begin
    reason = .none
    stack = 0
    object = 0
    switch next {
    case .running: runnableTime = wasRunnable ? previousBegin : min(max(wakeTime, previousBegin), begin)
    case .blocked, .unknown: flags.remove(.woken)
    case .runnable, .created: break
    }
  }

  /// Tells the open slice, and the flow that led to it. Afterwards `begin` is where it ended.
  @inline(__always)
  mutating func close(
    at time: UInt64, _ fibril: UInt64, _ frame: TaskFrame, isOpenEnded: Bool, isCut: Bool = false,
    _ sink: inout some TimelineSink
  ) {
    let end = max(time, begin)
    defer { begin = end }
    // Of what was over when the trace started, nothing is left to show.
    let leadsFromWake = state == .running && flags.contains(.woken)
    if leadsFromWake { flags.remove(.woken) }
    if end <= frame.start { return }
    sink.consume(
      StateSlice(
        label: label(fibril), task: frame.task, state: state, reason: reason, stack: stack, object: object,
        begin: begin, end: end, since: since, isOpenEnded: isOpenEnded, isCut: isCut))
    if leadsFromWake, begin > frame.start {
      sink.consume(
        WakeFlow(
          waker: waker, wakerTask: wakerTask, wakeTime: min(wakeTime, begin), woken: label(fibril), task: frame.task,
          runnableTime: runnableTime, switchTime: begin))
    }
  }

  /// The first event turns out to be older than what the snapshot showed, or to be just that: until now the fibril was in
  /// another state.
  mutating func correctSnapshot(to state: SliceState) {
    self.state = state
    since = begin
    reason = .none
    stack = 0
    object = 0
    flags.subtract([.fresh, .dead])
  }

  /// What the snapshot showed holds only from `time` on: before it something was lost.
  mutating func hideSnapshot(
    until time: UInt64, _ fibril: UInt64, _ frame: TaskFrame, _ sink: inout some TimelineSink
  ) {
    guard time > begin else { return }
    var shown = self
    correctSnapshot(to: .unknown)
    close(at: time, fibril, frame, isOpenEnded: false, &sink)
    shown.begin = begin
    if shown.state != .blocked { shown.since = begin }
    self = shown
  }

  /// The fibril turns out to have run ever since its open runnable slice began: it was woken before its task had
  /// switched away from it.
  mutating func correctRunnableToRunning() {
    state = .running
    runnableTime = begin
  }
}
