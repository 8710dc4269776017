// Rounds: what tasks keep in their buffers is read from there, and after each round all is told up to its start.
internal import CFibrilContract
internal import TraceEvents

extension TraceSession {
  /// Copies of what had not been handed over, told once everything that had been is.
  struct Round {
    /// CLOCK_MONOTONIC in ns, before the copies.
    let time: UInt64
    let copies: [(image: TracedImage, copy: BufferedRecords)]
    /// Tasks that had ended before, all of whose batches lie in front of `target`.
    let ended: [(image: TracedImage, task: UInt64)]
    /// Where in the ring everything lies that had been handed over by then.
    let target: UInt
  }

  func beginRound(_ sink: inout some RecordingSink) throws {
    let time = ClockPair.now().nanoseconds
    guard round == nil, time >= nextRound, attachment != nil else { return }
    try addClockPair(&sink)
    try lookAfterEnds(&sink)
    for image in images.values where image.isTraced {
      findBuffers(of: image)
      // A process that was started or forked has its beginning told when its buffers, or records, are there.
      if image.ident != nil, !image.isHeld { try introduce(image, &sink) }
      if options.tellsModules, let number = image.number, let folder = ProcessFolder(processID: image.processID),
        let modules = image.modules.changes(of: folder)
      {
        try sink.take(modules, of: number)
      }
      try tellNames(of: image, &sink)
    }
    let unplaced = attachment!.object.unplacedTasks()
    let copies = copies()
    var ended: [(image: TracedImage, task: UInt64)] = []
    for image in images.values where image.ident != nil {
      let present = Set(image.allHeaders().map(\.task))
      for task in image.tasks.keys where !present.contains(task) { ended.append((image, task)) }
      for (id, task) in unplaced where id == image.id && !present.contains(task) && image.tasks[task] == nil {
        ended.append((image, task))
      }
    }
    round = Round(time: time, copies: copies, ended: ended, target: attachment!.ring.end)
    let end = ClockPair.now().nanoseconds
    // No more than a tenth of the time.
    nextRound = end + max(Self.shortestInterval, 10 * (end - time))
  }

  /// Tells what the round has copied if all that had been handed over before is told.
  func endRound(_ sink: inout some RecordingSink) throws {
    // Positions are compared by their distance: they may wrap.
    guard let round, let ring = attachment?.ring, Int(bitPattern: ring.position &- round.target) >= 0 else { return }
    for (image, copy) in round.copies where images[image.processID] === image {
      try tell(copy, of: image, isLast: false, &sink)
    }
    for (image, task) in round.ended where images[image.processID] === image {
      let unplaced = image.id.flatMap { attachment!.object.unplaced($0, task: task)?.upperBound } ?? 0
      try end(task, of: image, at: max(image.expected(task), unplaced), &sink)
    }
    self.round = nil
    try sink.mark(round.time)
  }

  /// What lies in the buffers of all tasks and has not been handed over.
  func copies() -> [(image: TracedImage, copy: BufferedRecords)] {
    var copies: [(image: TracedImage, copy: BufferedRecords)] = []
    for image in images.values where image.isTraced {
      image.forEachHeader { index, header in
        let first = max(header.flushed, image.expected(header.task))
        if header.head > first, let copy = image.records(at: index, from: first) { copies.append((image, copy)) }
      }
    }
    return copies
  }

  private static var shortestInterval: UInt64 { 10_000_000 }
}
