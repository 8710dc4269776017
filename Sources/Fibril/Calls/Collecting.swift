internal import CFibril
internal import CFibrilContract

// Collecting completions: fibrils wait in the order in which they came, each for its own minimum.

extension TaskRef {
  /// Appends up to `maximum` completions to `collected`, blocking until there are `minimum` or until
  /// no call is pending that could still complete. Returns how many.
  func collect(minimum: Int, maximum: Int, into collected: inout [Completion]) -> Int {
    let wanted = min(minimum, maximum)
    harvestIfDue()
    while pointee.completions.count < wanted, pointee.pendingCalls > 0 {
      let fibril = pointee.running
      fibril.pointee.arguments.0 = UInt64(wanted)
      pointee.collectors.append(fibril)
      block(reason: FIBRIL_REASON_COMPLETIONS, object: 0)
    }
    var count = 0
    while count < maximum, let completion = pointee.completions.popFirst() {
      collected.append(completion)
      count += 1
    }
    // What is left over may be enough for the next in line.
    if count > 0 { wakeCollectors() }
    return count
  }

  /// Wakes the waiting fibrils, in order, that can have as many completions as they want.
  func wakeCollectors() {
    var available = pointee.completions.count
    while let fibril = pointee.collectors.first {
      let wanted = Int(fibril.pointee.arguments.0)
      guard available >= wanted || pointee.pendingCalls == 0 else { return }
      _ = pointee.collectors.popFirst()
      available = max(0, available - wanted)  // less than wanted when nothing is pending any more
      wake(fibril, by: Waker(time: fibril_ticks()))
    }
  }

  /// Waits until no call is pending; their completions are dropped.
  func drainCalls() {
    var dropped: [Completion] = []
    while pointee.pendingCalls > 0 || pointee.completions.count > 0 {
      _ = collect(minimum: .max, maximum: .max, into: &dropped)
      dropped.removeAll(keepingCapacity: true)
    }
  }
}
