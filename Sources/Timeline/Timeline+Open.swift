// What every fibril does at present: the slices that have not ended.

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
