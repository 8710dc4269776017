internal import CFibril
internal import CFibrilContract

// Fibril 0: what a task does when none of its fibrils can run, and how it learns what happened
// meanwhile.

/// The idle context's body: sleeps in the kernel until something is runnable, then goes there.
func idle(_ argument: UnsafeMutableRawPointer?, left: UInt64, floatControl: UInt64) -> fibril_departure {
  let task = requireTask()
  if fibril_tools_active() { fibril_tools_begin() }
  fibril_note_left(left)
  while true {
    if let next = task.pointee.runQueue.popFirst() {
      task.resume(next)
    } else {
      task.sleepInKernel()
    }
  }
}

extension TaskRef {
  /// Sleeps until a call completes or somebody knocks, then takes in what there is.
  func sleepInKernel() {
    renewIfForked()
    if !pointee.outgoing.later.isEmpty { tryLater() }
    if pointee.outgoing.forHelpersCount > 0 { startHelpers() }
    guard pointee.slot.pointee.runnable == 0 else { return }
    if pointee.outgoing.forHelpersCount > 0 {
      runWithoutHelper()
      return harvest()
    }
    lookForHelpersResults()
    unsafe fibril_emit_before_sleep(pointee.buffer)
    pointee.mailbox.announceSleep()
    let mayWait = pointee.mailbox.isEmpty
    let deadline = earliest(pointee.timers.first?.pointee.deadline ?? 0, addMissingHelpers())
    if pointee.ring != nil {
      // Also with mail: wakes that never cease must not keep the kernel's completions waiting.
      pointee.ring!.submit(waitFor: mayWait ? 1 : 0, until: mayWait ? deadline : 0)
    } else if mayWait, pointee.signalWaiters.isEmpty {
      pointee.mailbox.waitForKnock(until: deadline)
    } else if mayWait {
      pollSignals(mayWait: true, until: deadline)
    }
    pointee.mailbox.announceAwake()
    harvest()
  }

  /// The earlier one of two deadlines of which 0 is none.
  private func earliest(_ left: UInt64, _ right: UInt64) -> UInt64 {
    left == 0 || right == 0 ? max(left, right) : min(left, right)
  }

  @inline(__always)
  func harvestIfDue() {
    if somethingIsDue() { harvestWhatIsDue() }
  }

  /// Counts a switch.
  @inline(__always)
  func somethingIsDue() -> Bool {
    pointee.switchesUntilHarvest &-= 1
    return pointee.switchesUntilHarvest < 0 || pointee.mailbox.hasWakes
  }

  @inline(never)
  func harvestWhatIsDue() {
    if pointee.switchesUntilHarvest < 0 {
      harvestNow()
    } else {
      takeInbound()  // without a system call, so that fibrils of one task wake each other cheaply
    }
  }

  private func harvestNow() {
    renewIfForked()
    if !pointee.outgoing.later.isEmpty { tryLater() }
    if pointee.ring != nil, pointee.ring!.hasWork { pointee.ring!.submit(waitFor: 0) }
    if pointee.outgoing.forHelpersCount > 0 { startHelpers() }
    if !pointee.signalWaiters.isEmpty { pollSignals(mayWait: false, until: 0) }
    harvest()
  }

  /// Takes in completed calls and the wakes and results that other threads have left.
  func harvest() {
    if !pointee.runsJob { pointee.switchesUntilHarvest = TaskCore.switchesBetweenHarvests - 1 }
    while pointee.ring != nil, let completion = pointee.ring!.popCompletion() {
      if completion.userData == Ring.mailboxTag {
        pointee.mailbox.answerKnock()
        pointee.ring!.watchMailbox(pointee.mailbox.descriptor, stillArmed: completion.more)
      } else if let entry = EntryRef(bits: completion.userData) {
        finishOperation(entry, result: Int64(completion.result))
      }
    }
    if !pointee.outgoing.isEmpty { passOnWaiting() }
    takeInbound()
    fireTimers()
  }
}
