// The loop of a trace: collect, wait, and notice its end.
internal import BPFLoader
internal import Exporters
internal import Glibc
internal import Inspection
internal import TraceEvents

/// One trace, attached and about to begin.
struct TraceRun {
  let target: TraceTarget
  let session: TraceSession
  /// CLOCK_MONOTONIC in nanoseconds.
  let start: UInt64
  /// In nanoseconds; nil: until the process ends.
  let duration: UInt64?

  enum Ending: Equatable {
    case processEnded
    /// It has become another program.
    case processReplaced
    case timeOver
    case interrupted
  }

  struct Result {
    var summary: TraceSummary
    var ending: Ending
  }

  /// Records until the trace ends, and finishes the output. Throws what writing it met.
  func record(into output: some Exporter, names: NameSource, until interrupts: borrowing Interrupts) throws -> Result {
    var recorder = TraceRecorder(session: session, names: names, start: start, output: output)
    try target.held?.release()
    var hasMore = false
    while true {
      if let ending = recorder.isReplaced ? .processReplaced : wait(hasMore: hasMore, interrupts) {
        return Result(summary: try recorder.finish(), ending: ending)
      }
      hasMore = try recorder.collect()
    }
  }

  /// Waits until it is time to collect, which is now if there is more; the ending if it has come.
  private func wait(hasMore: Bool, _ interrupts: borrowing Interrupts) -> Ending? {
    let age = ClockPair.now().nanoseconds - start
    var timeout = hasMore ? 0 : TraceTarget.interval(atAge: age)
    if let duration {
      if age >= duration { return .timeOver }
      // Rounded up: a wait that ends early would only be repeated.
      timeout = Int32(min(UInt64(timeout), (duration - age) / 1_000_000 + 1))
    }
    // The kernel ignores descriptors that are negative.
    var descriptors = [session.pollDescriptor, target.endDescriptor, interrupts.descriptor].map {
      pollfd(fd: $0, events: Int16(POLLIN), revents: 0)
    }
    unsafe _ = poll(&descriptors, UInt(descriptors.count), timeout)
    if descriptors[2].revents != 0 {
      interrupts.acceptNext()
      return .interrupted
    }
    if descriptors[1].revents != 0 || target.endDescriptor < 0 { return .processEnded }
    return nil
  }
}
