// What the sink is told of a process image, in the order that it may rely on.
internal import CFibrilContract
internal import Glibc
internal import TraceEvents

extension TraceSession {
  func addClockPair(_ sink: inout some RecordingSink) throws {
    if let firstPair { try sink.add(firstPair) }
    firstPair = nil
    let pair = ClockPair.now()
    lastTicks = pair.ticks
    try sink.add(pair)
  }

  /// A clock pair later than the records lets all their times lie between two pairs.
  private func keepClock(aheadOf records: RawSpan, _ image: TracedImage, _ sink: inout some RecordingSink) throws {
    let last = records.byteCount - RecordDecoder.recordBytes
    guard last >= 0, image.clock != .monotonic else { return }
    // `time` comes first in a record.
    let ticks = unsafe records.unsafeLoadUnaligned(fromByteOffset: last, as: UInt64.self)
    if ticks > lastTicks { try addClockPair(&sink) }
  }

  /// How many records there are in front of the first that is younger than the trace.
  private func countInTime(_ records: RawSpan, _ image: TracedImage, _ last: ClockPair) -> UInt64 {
    let end = (image.clock ?? Self.machineClock) == .monotonic ? last.nanoseconds : last.ticks
    let size = RecordDecoder.recordBytes
    // `time` comes first in a record.
    let younger = (0..<records.byteCount / size).first { position in
      unsafe records.unsafeLoadUnaligned(fromByteOffset: position * size, as: UInt64.self) > end
    }
    return UInt64(younger ?? records.byteCount / size)
  }

  func findBuffers(of image: TracedImage, now: Bool = false) {
    guard image.ident == nil, image.findBuffers(now: now) else { return }
    attachment?.object.noteFile(of: image.processID)
  }

  /// Tells of processes that were there before.
  func takeNewcomers(_ sink: inout some RecordingSink) throws {
    while !newcomers.isEmpty {
      let image = newcomers.removeFirst()
      // One without tasks is told of when it has some, and its clock is known. Of one that has had its first task
      // since it was attached to, all records come: it needs no snapshot.
      findBuffers(of: image, now: true)
      var snapshot: ProcessSnapshot?
      if image.ident == nil || image.hasPast { snapshot = options.snapshot?(image.processID) }
      if image.ident == nil, snapshot != nil {
        findBuffers(of: image, now: true)
        if image.ident != nil { snapshot = nil }
      }
      if snapshot != nil || image.hasPast { try introduce(image, with: snapshot, &sink) }
    }
  }

  /// Tells of an image before anything else of it is told.
  func introduce(
    _ image: TracedImage, with snapshot: ProcessSnapshot? = nil, _ sink: inout some RecordingSink
  ) throws {
    guard image.number == nil else { return }
    findBuffers(of: image, now: true)
    let number = totals.processes
    image.number = number
    totals.processes += 1
    image.learnIdentity()
    try sink.begin(
      RecordedProcess(
        index: number, processID: image.processID, parentID: image.parentID, command: image.command,
        executable: image.executable, origin: image.origin, clock: image.clock ?? Self.machineClock,
        begin: image.begin))
    if options.tellsModules, let folder = ProcessFolder(processID: image.processID),
      let modules = image.modules.changes(of: folder)
    {
      try sink.take(modules, of: number)
    }
    try tellNames(of: image, &sink)
    // A forked child goes on with tasks and fibrils that its parent had.
    var snapshot = snapshot
    if snapshot == nil, image.origin == .forked, let ident = image.ident {
      snapshot = options.snapshot?(image.processID)
      if snapshot?.ident != ident { snapshot = nil }
    }
    if let snapshot { try sink.take(snapshot, of: number) }
  }

  /// Tells the names that have been added; they come before the records that mention them.
  func tellNames(of image: TracedImage, _ sink: inout some RecordingSink) throws {
    guard let number = image.number, let names = image.names(from: image.toldNames), !names.isEmpty else { return }
    try sink.take(names, from: image.toldNames, of: number)
    image.toldNames += names.count
  }

  /// Tells what of a task's records is new.
  func tell(
    _ records: RawSpan, of image: TracedImage, task: UInt64, from first: UInt64, _ sink: inout some RecordingSink
  ) throws {
    let size = UInt64(RecordDecoder.recordBytes)
    let count = UInt64(records.byteCount) / size
    let inTime = lastPair.map { countInTime(records, image, $0) } ?? count
    let (end, overflows) = first.addingReportingOverflow(inTime)
    defer { if inTime < count { _ = image.withTask(task) { $0.isOver = true } } }
    guard !overflows, first < end else { return }
    try introduce(image, &sink)
    guard let number = image.number, let (start, begin) = image.withTask(task, { $0.accept(first..<end) }) ?? nil else {
      return
    }
    findBuffers(of: image)
    try tellNames(of: image, &sink)
    try keepClock(aheadOf: records, image, &sink)
    if let begin { try sink.begin(task: task, at: begin, of: number) }
    let skipped = Int((start - first) * size)
    try sink.take(records: records.extracting(skipped..<Int((end - first) * size)), of: task, from: start, of: number)
  }

  /// Tells what of a buffer's copy has come in no batch. With `isLast` nothing more will come, and what is
  /// missing in front of it is lost.
  func tell(
    _ copy: BufferedRecords, of image: TracedImage, isLast: Bool, _ sink: inout some RecordingSink
  ) throws {
    let expected = image.expected(copy.task)
    guard copy.end > expected, copy.first < copy.end,
      let start = isLast ? max(copy.first, expected) : copy.start(expecting: expected)
    else { return }
    try tell(unsafe copy.span(from: start).span.bytes, of: image, task: copy.task, from: start, &sink)
  }

  /// Tells that a task makes no more records of this trace, having written those below `end`.
  func end(_ task: UInt64, of image: TracedImage, at end: UInt64, _ sink: inout some RecordingSink) throws {
    defer {
      image.tasks[task] = nil
      if let id = image.id { attachment?.object.forgetUnplaced(id, task: task) }
    }
    guard end > 0 else { return }
    // One that began before the trace and has done nothing since is not of it.
    let begin = image.withTask(task) { $0.expected >= end && !$0.hasBegun ? nil : $0.begin(before: end) } ?? nil
    let hasBegun = image.tasks[task]?.hasBegun ?? false
    guard hasBegun else { return }
    try introduce(image, &sink)
    guard let number = image.number else { return }
    if let begin { try sink.begin(task: task, at: begin, of: number) }
    try sink.end(task: task, at: max(end, image.expected(task)), of: number)
  }

  /// The clock that the runtime chooses on this machine.
  private static var machineClock: TickClock.Source {
    let path = "/sys/devices/system/clocksource/clocksource0/current_clocksource"
    return contentsOfProcFile(path, limit: 64)?.hasPrefix("tsc") == true ? .timeStampCounter : .monotonic
  }
}
