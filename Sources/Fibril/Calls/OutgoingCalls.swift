internal import CFibril
internal import CFibrilContract
internal import Glibc

/// By whom a call that pends is made.
enum Route {
  case ring, helper, timer
  /// By the task, when nothing else can run or it harvests; if that is in vain, by the ring.
  case later
}

/// A call that the kernel is to be told to cancel. A struct, since a tuple's metadata is made when it is first
/// used, under a lock that a forked child may find held.
struct Cancellation {
  var entry: EntryRef
  var id: UInt64
}

/// Calls of one task on their way to a helper or into the kernel, which takes none at the moment.
struct OutgoingCalls {
  let interruptSignal: CInt
  /// For helpers, handed over at the end of a vector, or before the task sleeps or harvests.
  var forHelpers = EntryQueue()
  var forHelpersCount = 0
  /// To be tried when nothing else can run: what they wait for may have come by then, and a call made in
  /// turn costs half of one by the ring.
  var later = EntryQueue()
  /// For the ring, as soon as the kernel takes more. Only while it is short of memory or of room for
  /// completions.
  var forRing = EntryQueue()
  /// Cancellations likewise: the entry, and the id that it had.
  var cancellations: [Cancellation] = []
  /// Calls that helpers have and have not finished.
  var withHelpers = 0

  init(interruptSignal: CInt) { self.interruptSignal = interruptSignal }

  /// Whether nothing waits for the ring.
  var isEmpty: Bool { forRing.isEmpty && cancellations.isEmpty }

  /// In a forked child, whose calls are its parent's.
  mutating func forget() { self = OutgoingCalls(interruptSignal: interruptSignal) }

  /// Refuses a signal that can not be used.
  static func check(_ interruptSignal: CInt) throws(FibrilError) {
    let range = __libc_current_sigrtmin()...__libc_current_sigrtmax()
    guard range.contains(interruptSignal) else {
      throw FibrilError(
        action: "interrupt calls by signal \(interruptSignal), which is no real-time signal: "
          + "those are \(range.lowerBound) to \(range.upperBound)", code: EINVAL)
    }
    let error = fibril_interrupt_prepare(interruptSignal, true)
    guard error == 0 else {
      throw FibrilError(
        action: "interrupt calls by signal \(interruptSignal), which the program handles itself; "
          + "choose another interruptSignal", code: error)
    }
  }
}

extension TaskRef {
  /// Hands the call in `entry`, of which `done` bytes are done, to the kernel or to a helper. Who gets it
  /// goes to work with the next `startSubmitted`.
  func start(_ call: SystemCall, done: Int64, in entry: EntryRef, _ route: Route) {
    if route == .later { return pointee.outgoing.later.append(entry) }
    if route == .ring, pointee.ring != nil, let operation = RingOperation(call.advanced(by: done)) {
      if !pointee.outgoing.forRing.isEmpty || !pointee.ring!.add(operation, userData: entry.bits) {
        pointee.outgoing.forRing.append(entry)
      }
      return
    }
    startByHelper(entry)
  }

  private func startByHelper(_ entry: EntryRef) {
    entry.pointee.flags |= EntryFlag.helper
    pointee.outgoing.forHelpers.append(entry)
    pointee.outgoing.forHelpersCount += 1
  }

  /// Tells the kernel and the helpers at once of what has been submitted.
  func startSubmitted() {
    if pointee.ring != nil, pointee.ring!.hasUnsubmitted { pointee.ring!.submit(waitFor: 0) }
    if pointee.outgoing.forHelpersCount > 0 { startHelpers() }
  }

  /// Hands the calls to the helpers. They stay here while there is no helper and none can be made.
  @inline(never)
  func startHelpers() {
    let count = pointee.outgoing.forHelpersCount
    if pointee.helpers == nil { replaceHelpers() }
    // Before they have them: their results count down.
    pointee.outgoing.withHelpers += count
    guard pointee.helpers!.submit(pointee.outgoing.forHelpers, count: count) else {
      pointee.outgoing.withHelpers -= count
      return
    }
    pointee.outgoing.forHelpers = EntryQueue()
    pointee.outgoing.forHelpersCount = 0
  }

  /// Makes the call that has waited longest for a first helper: nothing else can run, and better this task
  /// waits than that the call never happens.
  func runWithoutHelper() {
    guard let entry = pointee.outgoing.forHelpers.popFirst() else { return }
    pointee.outgoing.forHelpersCount -= 1
    pointee.slot.pointee.counts.inline_stalls += 1
    let done = entry.pointee.result
    finishCall(entry, result: SystemCall.total(done, SystemCall(of: entry).advanced(by: done).run()))
  }

  /// Makes the calls that were put off, as far as they go without waiting; for the others it is the turn
  /// of the ring or of a helper.
  @inline(never)
  func tryLater() {
    var entries = pointee.outgoing.later
    pointee.outgoing.later = EntryQueue()
    while let entry = entries.popFirst() {
      let call = SystemCall(of: entry)
      let calls = pointee.inlineCalls
      switch calls.attempts.forced(call.arguments.0, { calls.attempt(call) }) {
      case .done(let result): finishCall(entry, result: result)
      case .waits(let done):
        entry.pointee.result = done
        start(call, done: done, in: entry, isForHelpers(call) ? .helper : .ring)
      case .untried, .later: start(call, done: 0, in: entry, isForHelpers(call) ? .helper : .ring)
      }
    }
  }

  /// Asks the system once more for the helper that calls wait for. Returns when to come again (CLOCK_MONOTONIC
  /// in ns), 0: none is missing.
  func addMissingHelpers() -> UInt64 {
    guard unsafe fibril_atomic_load(&pointee.slot.pointer.pointee.helper_queue) != 0, let pool = pointee.helpers
    else { return 0 }
    pool.addMissing()
    return fibril_ticks_monotonic() + HelperPool.refusalMilliseconds * 1_000_000
  }

  /// From here on there are new helpers, which inherit what the task's thread has now.
  func replaceHelpers() {
    let old = pointee.helpers
    old?.retire()
    pointee.helpers = unsafe HelperPool(
      mailbox: pointee.mailbox.shared, slot: pointee.slot, signal: pointee.outgoing.interruptSignal, replacing: old)
  }

  /// Passes on what the kernel had no room for.
  @inline(never)
  func passOnWaiting() {
    while let entry = pointee.outgoing.forRing.popFirst() {
      let call = SystemCall(of: entry).advanced(by: entry.pointee.result)
      // Its descriptor may be another file's by now.
      guard let operation = RingOperation(call) else {
        startByHelper(entry)
        continue
      }
      guard pointee.ring!.add(operation, userData: entry.bits) else {
        pointee.outgoing.forRing.append(entry)
        break
      }
    }
    while let cancellation = pointee.outgoing.cancellations.last {
      let (entry, id) = (cancellation.entry, cancellation.id)
      // The call may have ended meanwhile, and another one be in its entry.
      let isPending = entry.pointee.id == id && entry.pointee.own & OwnFlag.interrupting != 0
      guard !isPending || pointee.ring!.cancel(entry.bits) else { break }
      pointee.outgoing.cancellations.removeLast()
    }
  }

  /// Looks for helpers' results for some microseconds, while they make calls, before the task sleeps:
  /// as long as it takes to be woken.
  @inline(__always)
  func lookForHelpersResults() {
    guard pointee.outgoing.withHelpers > 0 else { return }
    unsafe fibril_mailbox_look(pointee.mailbox.shared, TaskCore.looksBeforeSleep)
  }
}
