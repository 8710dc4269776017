// The loop of an exporter: collect, answer who asks for figures, and notice that it is to end.
internal import BPFLoader
internal import Glibc
internal import Inspection
internal import Metrics
internal import TraceEvents

/// Gathers figures on the thread that runs it.
struct MetricsCollector {
  private let session: TraceSession
  private let requests: FigureRequests
  private var recorder = MetricsRecorder()
  private let started = nanosecondsSince1970()
  private var toldProblems = 0
  /// It is about processes that were named, and nobody has said yet that all of them have ended.
  private var awaitsEnd: Bool

  /// `session` has attached.
  init(_ session: TraceSession, endsWithProcesses: Bool, answering requests: FigureRequests) {
    self.session = session
    self.requests = requests
    awaitsEnd = endsWithProcesses
  }

  /// Returns when a signal asks for it.
  mutating func run(until interrupts: borrowing Interrupts) throws {
    while true {
      let hasMore = try session.collect(into: &recorder)
      tellNews()
      requests.serve { FigureAnswer(recorder.figures(), exporterStarted: started) }
      var descriptors = [interrupts.descriptor, session.pollDescriptor, requests.descriptor].map {
        pollfd(fd: $0, events: Int16(POLLIN), revents: 0)
      }
      unsafe _ = poll(&descriptors, UInt(descriptors.count), hasMore ? 0 : min(100, session.longestWait))
      if descriptors[0].revents != 0 {
        _ = interrupts.acceptNext()
        return
      }
    }
  }

  private mutating func tellNews() {
    for problem in session.problems.dropFirst(toldProblems) { Diagnostics.say(problem) }
    toldProblems = session.problems.count
    if awaitsEnd, session.livingProcesses.isEmpty {
      awaitsEnd = false
      Diagnostics.say("all processes have ended; their last figures are served until Ctrl-C")
    }
  }
}

/// The fibrils that a process has already, read for an exporter: what goes wrong is told for the first processes, and
/// no more than that, however long it runs.
final class NewcomerSnapshots {
  private var told = 0
  private static let most = 16

  func read(_ process: Int32) -> ProcessSnapshot? {
    do {
      let inspection = try ProcessInspector(processID: process).read()
      for problem in inspection.problems { tell("\(inspection.snapshot.command): \(problem)") }
      return inspection.snapshot
    } catch InspectionError.noTable, InspectionError.noSuchProcess {
      return nil
    } catch {
      tell("fibrils from before process \(process) was followed are unknown: \(error)")
      return nil
    }
  }

  private func tell(_ problem: String) {
    told += 1
    if told <= Self.most { Diagnostics.say(problem) }
    if told == Self.most { Diagnostics.say("there may be more of this kind; nothing is said of it any more") }
  }
}
