// The loop of a trace: collect, wait, and notice its end.
internal import Glibc
internal import TraceEvents

/// One trace, attached and about to begin.
struct TraceRun {
  /// The command that waits to be released, if there is one.
  let held: HeldCommand?
  /// CLOCK_MONOTONIC in nanoseconds.
  let start: UInt64
  /// In nanoseconds; nil: until the processes end.
  let duration: UInt64?

  enum Ending: Equatable {
    case processesEnded
    case timeOver
    case interrupted
    /// What the output was looking for has come, in words for the user.
    case found(String)
  }

  struct Result {
    var summary: TraceSummary
    var ending: Ending
  }

  /// Records until the trace ends, and finishes the output. Throws what writing it met.
  func record(
    _ source: some TraceSource, into output: inout some TraceOutput, until interrupts: borrowing Interrupts
  ) throws -> Result {
    try held?.release()
    var ending: Ending?
    var hasMore = try source.collect(into: &output)
    while ending == nil {
      switch wait(for: source, hasMore: hasMore, interrupts) {
      case .ends(let reason): ending = reason
      case .save: try output.save()
      case .nothing: break
      }
      hasMore = try source.collect(into: &output)
      if let found = try output.review(at: ClockPair.now().nanoseconds) { ending = ending ?? .found(found) }
    }
    source.detach()
    let endIsKnown = try source.finish(into: &output)
    try output.finish(at: source.end)
    return Result(
      summary: TraceSummary(numbers: output.numbers, endIsKnown: endIsKnown, nanoseconds: source.end - start),
      ending: ending ?? .processesEnded)
  }

  private enum Event {
    case nothing
    case save
    case ends(Ending)
  }

  /// Waits until it is time to collect, which is now if there is more.
  private func wait(for source: some TraceSource, hasMore: Bool, _ interrupts: borrowing Interrupts) -> Event {
    if source.hasEnded { return .ends(.processesEnded) }
    let age = ClockPair.now().nanoseconds - start
    var timeout = hasMore ? 0 : min(source.longestWait, Self.interval(atAge: age))
    if let duration {
      if age >= duration { return .ends(.timeOver) }
      // Rounded up: a wait that ends early would only be repeated.
      timeout = Int32(min(UInt64(timeout), (duration - age) / 1_000_000 + 1))
    }
    // The kernel ignores descriptors that are negative.
    var descriptors = ([interrupts.descriptor] + source.pollDescriptors).map {
      pollfd(fd: $0, events: Int16(POLLIN), revents: 0)
    }
    unsafe _ = poll(&descriptors, UInt(descriptors.count), timeout)
    guard descriptors[0].revents != 0 else { return .nothing }
    return interrupts.acceptNext() == SIGUSR1 ? .save : .ends(.interrupted)
  }

  /// How often to look at processes that have been traced for `age` nanoseconds, in milliseconds.
  ///
  /// What a process does not hand over by itself (its last names, the place of its buffers) must be read
  /// while it lives: one that is traced from its start is young.
  private static func interval(atAge age: UInt64) -> Int32 {
    Int32(min(100, max(1, age / 10_000_000)))
  }
}
