internal import CFibril
internal import CFibrilContract

// Fibril 0: what a task does when none of its fibrils can run, and how it learns what happened
// meanwhile.

/// The idle context's body: sleeps in the kernel until something is runnable, then goes there.
func idle(_ argument: UnsafeMutableRawPointer?) {
  let task = requireTask()
  task.arrive()
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
    unsafe fibril_emit_before_sleep(pointee.buffer)
    pointee.mailbox.announceSleep()
    if pointee.mailbox.isEmpty {
      if pointee.ring != nil {
        pointee.ring!.submit(waitFor: 1)
      } else {
        pointee.mailbox.waitForKnock()
      }
    }
    pointee.mailbox.announceAwake()
    harvest()
  }

  @inline(__always)
  func harvestIfDue() {
    pointee.switchesUntilHarvest -= 1
    if pointee.switchesUntilHarvest <= 0 || pointee.mailbox.hasWakes { harvestSoon() }
  }

  @inline(never)
  private func harvestSoon() {
    if pointee.ring != nil, pointee.ring!.hasWork { pointee.ring!.submit(waitFor: 0) }
    harvest()
  }

  /// Takes in completed calls and the wakes and results that other threads have left.
  func harvest() {
    pointee.switchesUntilHarvest = TaskCore.switchesBetweenHarvests
    while pointee.ring != nil, let completion = pointee.ring!.popCompletion() {
  /// Tells the kernel at once of what has been submitted.
  func startSubmitted() {
    if pointee.ring != nil, pointee.ring!.hasUnsubmitted { pointee.ring!.submit(waitFor: 0) }
  }

      if completion.userData == Ring.mailboxTag {
        pointee.mailbox.answerKnock()
        pointee.ring!.watchMailbox(pointee.mailbox.descriptor, stillArmed: completion.more)
      } else if let entry = EntryRef(bits: completion.userData) {
        finishOperation(entry, result: Int64(completion.result))
      }
    }
    takeInbound()
  }
}
