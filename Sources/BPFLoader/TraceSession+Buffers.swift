// A session and the buffers of its process: what is read from outside, and when.
internal import TraceEvents

extension TraceSession {
  func findBuffers() {
    guard buffers == nil else { return }
    let start = ClockPair.now().nanoseconds
    guard start >= nextSearch, let process = ProcessFolder(processID: processID) else { return }
    if let found = BufferFile(of: process) {
      buffers = consume found
      forEachHeader { _, header in batches.clock.source = header.clock }
    }
    // A process may have a million descriptors: no more than a tenth of the time goes into the search.
    let end = ClockPair.now().nanoseconds
    nextSearch = end + 10 * (end - start)
  }

  /// Batches that were made while the probes were being attached may have gone to nobody, or to
  /// another tracer alone.
  func allowLateStarts() {
    nextSearch = 0
    findBuffers()
    let headers = (0..<(buffers?.count ?? 0)).compactMap { buffers?.header(at: $0) }
    // Read after the headers: whatever of ours had been flushed and not placed by then is in it.
    let unplaced = attachment?.object.unplaced() ?? [:]
    for header in headers {
      batches.decoder.mayBegin(task: header.task, at: min(header.flushed, unplaced[header.task]?.lowerBound ?? .max))
    }
  }

  /// Decodes what a task has recorded since the copies at the end. If some of it is missing already,
  /// it was made when nobody listened, or for another tracer.
  func takeRest(ofBuffer index: Int, _ header: BufferHeader) {
    let expected = batches.decoder.expectedNumber(ofTask: header.task)
    guard let rest = buffers?.records(at: index, from: expected, isQuiet: true), rest.first == expected else { return }
    batches.decoder.decode(rest, isLast: true, clock: &batches.clock, into: &batches.events)
  }

  func forEachHeader(_ body: (Int, BufferHeader) -> Void) {
    for index in 0..<(buffers?.count ?? 0) {
      if let header = buffers?.header(at: index) { body(index, header) }
    }
  }

  /// Records that are in no batch yet, of tasks that have made no batch since the last look.
  func copyOfQuietBuffers() -> [BufferedRecords] {
    var copies: [BufferedRecords] = []
    forEachHeader { index, header in
      while flushed.count <= index { flushed.append(0) }
      let isBusy = flushed[index] != header.flushed
      flushed[index] = header.flushed
      let expected = batches.decoder.expectedNumber(ofTask: header.task)
      if !isBusy, header.head > expected, let copy = buffers?.records(at: index, from: expected) {
        copies.append(copy)
      }
    }
    return copies
  }
}
