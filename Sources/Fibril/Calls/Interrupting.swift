internal import CFibrilContract

extension TaskRef {
  /// Makes the pending call in `entry` end soon, with -EINTR unless it is done before that.
  func interruptCall(_ entry: EntryRef) {
    entry.pointee.own |= OwnFlag.interrupting
  }
}
