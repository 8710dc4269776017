// One round: attach, see the program work, detach. The only place that knows how a session is made.
import BPFLoader
import Glibc
import TraceEvents

/// Sums over all rounds, in nanoseconds.
struct Durations {
  var attaching: UInt64 = 0
  var detaching: UInt64 = 0
}

struct SoakError: Error, CustomStringConvertible { var description: String }

/// Waits until a process that has just been started is a program with probes.
func waitUntilTraceable(_ id: Int32) throws {
  for _ in 0..<30_000 {
    if let process = ProcessFolder(processID: id), (try? ProbedFile.all(of: process)) != nil { return }
    usleep(1000)
  }
  throw SoakError(description: "the program has no probes after 30 seconds, or has ended")
}

/// Traces process `id` until at least a thousand of its records have come, and tells all of them to `sink`.
func traceOnce(_ id: Int32, into sink: inout SoakSink, _ durations: inout Durations) throws {
  sink.beginRound()
  let begin = ClockPair.now().nanoseconds
  let session = TraceSession(scope: .processes([id]), options: TraceSession.Options(ringBytes: 4 << 20))
  try session.attach()
  let attached = ClockPair.now().nanoseconds
  durations.attaching += attached - begin
  let enough = sink.records + 1000
  while sink.records < enough {
    guard ClockPair.now().nanoseconds - attached < 60_000_000_000 else {
      throw SoakError(description: "the program makes no events")
    }
    let hasMore = try session.collect(into: &sink)
    var descriptor = pollfd(fd: session.pollDescriptor, events: Int16(POLLIN), revents: 0)
    if !hasMore { unsafe _ = poll(&descriptor, 1, 2) }
  }
  let end = ClockPair.now().nanoseconds
  session.detach()
  durations.detaching += ClockPair.now().nanoseconds - end
  let totals = try session.finish(into: &sink)
  guard totals.endIsKnown, session.problems.isEmpty else {
    throw SoakError(description: "the account of loss is not complete: \(session.problems)")
  }
}
