// Who takes what a timeline finds: an exporter, or a test's recorder.

/// Takes the parts of a timeline, each as soon as it is complete. Parts of different fibrils come in no order of time.
public protocol TimelineSink {
  /// A task is seen for the first time.
  mutating func announce(_ task: TaskAnnouncement)
  /// A fibril or call is seen for the first time.
  mutating func announce(_ fibril: FibrilAnnouncement)
  /// A fibril was in one state. A call that never blocked has no such slices.
  mutating func consume(_ slice: StateSlice)
  /// A task did one thing.
  mutating func consume(_ slice: TaskSlice)
  /// A submitted call has ended. It follows the call's last state slice, and comes before the slice of its parent
  /// around it if it was inline.
  mutating func consume(_ slice: CallSlice)
  /// A fibril or call has had its teardown. A closure runs on until the switch away from it.
  mutating func consume(_ end: FibrilEnd)
  /// A woken fibril ran. It follows the running slice.
  mutating func consume(_ flow: WakeFlow)
  /// Records were lost.
  mutating func consume(_ range: LostRange)
}

extension TimelineSink {
  public mutating func consume(_ end: FibrilEnd) {}
}
