// What every fibril does at present: the slices that have not ended.

public import TraceEvents

extension Timeline {
  /// Tells `sink` the open slice of every fibril as if it ended at `time`, CLOCK_MONOTONIC in ns. Nothing ends by that.
  public func showOpenSlices(at time: UInt64, to sink: inout some TimelineSink) {
    for task in openTasks { task.showOpenSlices(at: time, to: &sink) }
  }
}

extension TaskTrack {
  fileprivate func showOpenSlices(at time: UInt64, to sink: inout some TimelineSink) {
    for fibril in fibrils.unordered {
      guard let place = fibrils.place(of: fibril) else { continue }
      let track = fibrils[place]
      // What a loss has made of it shows at its next event.
      if track.flags.contains(.dead) || track.losses != lossCount { continue }
      sink.consume(
        StateSlice(
          label: track.label(fibril), task: self.task, state: track.state, reason: track.reason, object: track.object,
          begin: track.begin, end: max(time, track.begin), since: track.since, isOpenEnded: true))
    }
  }
}

/// A fibril or call that lives, and what it does at present.
public struct LivingFibril: Sendable {
  public var label: FibrilLabel
  public var task: UInt64
  public var state: SliceState
  /// Why it is blocked, and what it waits for.
  public var reason: BlockReason
  public var object: UInt64
  /// The number of the system call, if it is one.
  public var call: UInt32
  /// When its state began, CLOCK_MONOTONIC in ns.
  public var since: UInt64
}

/// A task that lives, and what it does at present.
public struct LivingTask: Sendable {
  public var task: UInt64
  /// 0: not known.
  public var threadID: UInt32
  public var activity: TaskActivity
  /// When it began to do that, CLOCK_MONOTONIC in ns, but not before the trace.
  public var begin: UInt64
}

extension Timeline {
  /// Shows every living task, in no order.
  public func visitTasks(_ body: (LivingTask) -> Void) {
    for task in openTasks { body(task.living) }
  }

  /// Shows every living task, and after it its fibrils, in no order.
  public func visitLiving(tasks: (LivingTask) -> Void, fibrils: (LivingFibril) -> Void) {
    for task in openTasks {
      tasks(task.living)
      task.visitLiving(fibrils)
    }
  }
}

extension TaskTrack {
  fileprivate var living: LivingTask {
    LivingTask(task: task, threadID: threadID, activity: activity, begin: begin)
  }

  fileprivate func visitLiving(_ body: (LivingFibril) -> Void) {
    self.fibrils.visit { fibril, track in
      if track.flags.contains(.dead) || fibril == ending { return }
      // Of a fibril that has not spoken since a loss, nothing is known.
      let isLost = track.losses != lossCount
      body(
        LivingFibril(
          label: track.label(fibril), task: task, state: isLost ? .unknown : track.state, reason: track.reason,
          object: track.object, call: track.call, since: track.since))
    }
  }
}
