// What the kernel's programs tell, entry by entry.
internal import CFibrilContract
internal import TraceEvents

extension TraceSession {
  /// Handles entries of the ring; true if there are more.
  func readRing(limit: UInt, _ sink: inout some RecordingSink) throws -> Bool {
    guard let ring = attachment?.ring else { return false }
    return try ring.read(limit: limit) { entry in
      let headerBytes = MemoryLayout<fibril_ring_entry>.size
      guard entry.byteCount >= headerBytes else { return }
      // The BPF program wrote it, and any bytes make one.
      let header = unsafe entry.unsafeLoadUnaligned(as: fibril_ring_entry.self)
      let records = entry.extracting(headerBytes..<min(entry.byteCount, headerBytes + Int(header.bytes)))
      try take(header, records, &sink)
    }
  }

  private func take(_ header: fibril_ring_entry, _ records: RawSpan, _ sink: inout some RecordingSink) throws {
    let id = ImageID(header.image)
    // Records are looked at one by one; the time of an entry without records is its own.
    if let lastPair, header.time > lastPair.nanoseconds { return }
    switch fibril_ring_kind(header.kind) {
    case FIBRIL_RING_RECORDS:
      guard let image = try image(id, &sink) else { return }
      totals.batches += 1
      if !image.isTraced { try examine(image, header.task, from: header.number, &sink) }
      try tell(records, of: image, task: header.task, from: header.number, &sink)
    case FIBRIL_RING_TASK_START:
      guard let image = try image(id, &sink) else { return }
      if !image.isTraced { try examine(image, header.task, from: 0, &sink) }
      if header.number != 0 {
        image.learnClock(header.number == FIBRIL_CLOCK_MONOTONIC.rawValue ? .monotonic : .timeStampCounter)
      }
      findBuffers(of: image, now: true)
    case FIBRIL_RING_FORK:
      let parent = images[Int32(truncatingIfNeeded: header.number)]
      guard parent != nil || isNamed(id) else { return }
      if let stale = images[id.processID] {
        // Its end found no place in the ring.
        try close(stale, .exited(status: nil), at: header.time, missing: nil, &sink)
      }
      let child = watch(id.processID, .forked, begin: header.time, id: id, parent: parent)
      // Until it executes a program, a child of vfork is in its parent's memory and does nothing that is told.
      child.isTraced = header.task == 0 && parent?.isTraced == true
      // Its task may be one that was there before the trace, whose last records nobody saves.
      child.hasPast = child.isTraced && header.bytes == 0 && parent?.hasPast != false
    case FIBRIL_RING_EXEC:
      try execute(id, at: header.time, missing: header.bytes, command: Self.command(header), &sink)
    case FIBRIL_RING_EXIT:
      guard let image = try image(id, &sink, isEnd: true) else { return }
      try close(
        image, .exited(status: Int32(truncatingIfNeeded: header.number)), at: header.time, missing: header.bytes, &sink)
    default: break
    }
  }

  /// The image that an entry is about; nil if that is none of this trace's.
  private func image(_ id: ImageID, _ sink: inout some RecordingSink, isEnd: Bool = false) throws -> TracedImage? {
    if let image = images[id.processID] {
      guard let known = image.id else {
        image.id = id
        return image
      }
      if known == id { return image }
      let now = ClockPair.now().nanoseconds
      guard known.start == id.start else {
        // Another process by now, and the end of this one found no place in the ring.
        if id.start < known.start { return nil }
        try close(image, .exited(status: nil), at: now, missing: nil, &sink)
        return isEnd ? nil : try takeUnknown(id, &sink)
      }
      guard id.execs > known.execs else { return nil }
      try execute(id, at: now, missing: nil, command: image.command, &sink)
      return images[id.processID]
    }
    return isEnd ? nil : try takeUnknown(id, &sink)
  }

  /// Records of a process that is not known: one that has started since, or whose fork found no place in the ring.
  private func takeUnknown(_ id: ImageID, _ sink: inout some RecordingSink) throws -> TracedImage? {
    guard isAboutAll || options.follow, isNamed(id) else { return nil }
    let now = ClockPair.now().nanoseconds
    return watch(id.processID, isAboutAll ? .attached : .forked, begin: now, id: id)
  }

  /// A process has executed a program. `missing` is how many threads' last records are not known; nil: of all.
  private func execute(
    _ id: ImageID, at time: UInt64, missing: UInt32?, command: String, _ sink: inout some RecordingSink
  ) throws {
    let old = images[id.processID]
    if let old, old.isHeld {
      old.isHeld = false
      old.id = id
      old.begin = time
      if !old.isTraced { try look(at: Look(image: old, time: time), &sink) }
      return
    }
    // Anybody's, in a trace of all.
    let isNamed = isNamed(id.processID, command: command)
    guard old != nil || isAboutAll && isNamed && options.isMeant(id.processID) else { return }
    if let old { try close(old, .executed, at: time, missing: missing, &sink) }
    guard followsExec, isNamed else {
      attachment?.object.forget(id.processID)
      return
    }
    let new = TracedImage(
      processID: id.processID, origin: .executed, begin: time, isTraced: false, id: id, parentID: old?.parentID ?? 0)
    // It may have ended before its name could be read.
    if new.command.isEmpty { new.command = command }
    images[id.processID] = new
    // A trace of all takes in whoever runs into its probes.
    if !isAboutAll || old != nil { attachment?.object.know(id.processID) }
    try look(at: Look(image: new, time: time), &sink)
  }

  /// Its name is NUL-terminated in two little-endian words.
  private static func command(_ header: fibril_ring_entry) -> String {
    let bytes = [header.task, header.number].flatMap { word in
      (0..<8).map { UInt8(truncatingIfNeeded: word >> (8 * UInt64($0))) }
    }
    return String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
  }
}
