// What is traced: a process that runs already, or a command that is about to.
internal import BPFLoader
internal import CSystemCalls
internal import Glibc
internal import Inspection
internal import TraceEvents

/// A process to be traced, and the files that hold its probes.
final class TraceTarget {
  let processID: Int32
  let command: String
  let files: [ProbedFile]
  /// Readable when the process has ended; -1 if it had ended before.
  let endDescriptor: Int32
  /// Set if it is ours to start.
  let held: HeldCommand?

  /// A process that runs. Throws `BPFError` if it cannot be traced.
  init(processID: Int32) throws(BPFError) {
    guard let process = ProcessFolder(processID: processID) else { throw BPFError.noSuchProcess(processID) }
    files = try ProbedFile.all(of: process)
    self.processID = process.processID
    command = String((contentsOfProcFile(process.path + "/comm", limit: 64) ?? "").prefix { $0 != "\n" })
    held = nil
    endDescriptor = max(-1, fibril_process_descriptor(process.processID))
  }

  /// A command that waits to be executed, with the signal mask `mask`. Throws `BPFError` if it cannot
  /// be traced, `CommandError` if it cannot be run.
  init(command arguments: [String], mask: sigset_t) throws {
    let path = try HeldCommand.resolve(arguments[0])
    files = try ProbedFile.all(ofProgram: path)
    let held = try HeldCommand(path: path, arguments: arguments, mask: mask)
    self.held = held
    processID = held.processID
    command = String(path.split(separator: "/").last ?? "")
    endDescriptor = max(-1, fibril_process_descriptor(held.processID))
  }

  deinit {
    if endDescriptor >= 0 { close(endDescriptor) }
  }

  /// The fibrils that are there already. A process that has no task yet has none.
  func snapshot() -> ProcessSnapshot? {
    do {
      let inspection = try ProcessInspector(processID: processID).read()
      for problem in inspection.problems { Diagnostics.say("\(command): \(problem)") }
      return inspection.snapshot
    } catch InspectionError.noTable, InspectionError.noSuchProcess {
      return nil
    } catch {
      Diagnostics.say("fibrils from before the trace are shown as unknown: \(error)")
      return nil
    }
  }

  /// How often to look at a process that has been traced for `age` nanoseconds, in milliseconds.
  ///
  /// What it does not hand over by itself (its last names, the place of its buffers) must be read
  /// while it lives: a process that is traced from its start is young.
  static func interval(atAge age: UInt64) -> Int32 {
    Int32(min(100, max(1, age / 10_000_000)))
  }
}
