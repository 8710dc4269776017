// How processes leave a trace: what they had recorded until then is told, and what of it is missing.
internal import CFibrilContract
internal import TraceEvents

extension TraceSession {
  /// Ends an image in the recording. `missing` is how many threads' last records are in no batch although they
  /// have ended; nil: nobody looked.
  func close(
    _ image: TracedImage, _ ending: ProcessEnding, at time: UInt64, missing: UInt32?,
    _ sink: inout some RecordingSink
  ) throws {
    images[image.processID] = nil
    // Its loader may have been at work when it was last looked at.
    if !image.isTraced, image.origin == .executed, image.looks < 2, ending != .traceEnded { totals.unexamined += 1 }
    guard image.isTraced || image.mustAppear else { return }
    findBuffers(of: image, now: true)
    let isOver = ending != .traceEnded
    for (index, header) in image.buffersInOrder() where isOver {
      let rest = image.records(at: index, from: image.expected(header.task), isQuiet: true)
      if let rest { try tell(rest, of: image, isLast: true, &sink) }
      try end(header.task, of: image, at: header.head, &sink)
    }
    let unplaced = image.id.map { id in attachment!.object.unplacedTasks().filter { $0.image == id }.map(\.task) } ?? []
    for task in Set(image.tasks.keys).union(unplaced).sorted() {
      let unplaced = image.id.flatMap { attachment!.object.unplaced($0, task: task)?.upperBound } ?? 0
      try end(task, of: image, at: max(image.expected(task), unplaced), &sink)
    }
    let looksAtThreads = attachment?.events.contains(ending == .executed ? .prepareExec : .exit) == true
    if isOver, image.ident == nil, image.hasPast || missing != 0 || !looksAtThreads { totals.endIsKnown = false }
    if image.mustAppear { try introduce(image, &sink) }
    guard let number = image.number else { return }
    try tellNames(of: image, &sink)
    try sink.end(number, ending, at: max(time, image.begin))
  }

  /// Finds ends, and children, that no entry of the ring told of.
  func lookAfterEnds(_ sink: inout some RecordingSink) throws {
    guard attachment != nil else { return }
    let unposted = attachment!.object.counts().unposted
    guard unposted != self.unposted || attachment?.events.contains(.exit) != true else { return }
    self.unposted = unposted
    let now = ClockPair.now().nanoseconds
    for image in Array(images.values) where ProcessFolder(processID: image.processID) == nil {
      // Everything it had handed over lies in the ring.
      while try readRing(limit: 1 << 30, &sink) {}
      if images[image.processID] === image {
        try close(image, .exited(status: nil), at: now, missing: nil, &sink)
        attachment?.object.forget(image.processID)
      }
    }
    guard options.follow else { return }
    for process in attachment!.object.knownProcesses() where images[process] == nil {
      watch(process, .forked, begin: now).isTraced = true
    }
  }
}
