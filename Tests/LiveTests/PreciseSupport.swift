// What the tests of precise mode share: a sink that keeps a recording as it comes, and a trace of a
// program from its first event to its end.
import ELFNotes
import Foundation
import Inspection
import Testing

@testable import BPFLoader
@testable import TraceEvents

/// A record by its fields.
struct PlainRecord {
  var task, number, time, fibril, arg: UInt64
  var kind: UInt16
  var arg32: UInt32

  static let taskStart: UInt16 = 1
  static let submit: UInt16 = 3
  static let submitEntry: UInt16 = 4
  static let `switch`: UInt16 = 5
  static let block: UInt16 = 6
  static let wake: UInt16 = 8
  static let teardown: UInt16 = 9
  static let stack: UInt16 = 11
}

/// Keeps everything, and fails where a session breaks the sink's rules.
struct KeptRecording: RecordingSink {
  var process: RecordedProcess?
  var names: [String] = []
  var snapshot: ProcessSnapshot?
  var stacks: [UInt32: [UInt64]] = [:]
  var records: [PlainRecord] = []
  var ending: ProcessEnding?
  /// What did not come, by task.
  var lost: [UInt64: UInt64] = [:]
  private var next: [UInt64: UInt64] = [:]
  private var marked: UInt64 = 0

  mutating func add(_ pair: ClockPair) {}
  mutating func begin(_ process: RecordedProcess) { self.process = process }
  mutating func take(_ modules: [RecordedModule], of process: Int) {}
  mutating func take(_ snapshot: ProcessSnapshot, of process: Int) { self.snapshot = snapshot }
  mutating func begin(task: UInt64, at number: UInt64, of process: Int) { next[task] = number }

  mutating func take(_ names: [String], from index: Int, of process: Int) {
    #expect(index == self.names.count && self.process != nil)
    self.names += names
  }

  mutating func take(stack: [UInt64], id: UInt32, of process: Int) {
    #expect(stacks[id] == nil)
    stacks[id] = stack
  }

  mutating func take(records: RawSpan, of task: UInt64, from first: UInt64, of process: Int) {
    #expect(first >= next[task] ?? 0 && ending == nil && process == 0)
    lost[task, default: 0] += first - (next[task] ?? 0)
    for position in 0..<(records.byteCount / 32) {
      func field<T: BitwiseCopyable>(_ offset: Int, _: T.Type) -> T {
        unsafe records.unsafeLoadUnaligned(fromByteOffset: position * 32 + offset, as: T.self)
      }
      let record = PlainRecord(
        task: task, number: first + UInt64(position), time: field(0, UInt64.self), fibril: field(8, UInt64.self),
        arg: field(16, UInt64.self), kind: field(24, UInt16.self), arg32: field(28, UInt32.self))
      #expect(field(26, UInt16.self) == UInt16(truncatingIfNeeded: record.number))
      #expect(record.time >= marked)
      if record.kind == PlainRecord.stack { #expect(stacks[record.arg32] != nil) }
      self.records.append(record)
    }
    next[task] = first + UInt64(records.byteCount / 32)
  }

  mutating func end(task: UInt64, at number: UInt64, of process: Int) {
    lost[task, default: 0] += number - (next[task] ?? 0)
    next[task] = number
  }

  mutating func end(_ process: Int, _ ending: ProcessEnding, at time: UInt64) { self.ending = ending }

  mutating func mark(_ time: UInt64) {
    #expect(time >= marked)
    marked = time
  }

  func count(_ kind: UInt16, where isMeant: (PlainRecord) -> Bool = { _ in true }) -> UInt64 {
    UInt64(records.count { $0.kind == kind && isMeant($0) })
  }
}

/// A program that is held while a session attaches, and then runs to its end.
struct PreciseTrace {
  let subject: Subject
  let session: PreciseSession
  var recording = KeptRecording()

  /// Attached, with the program still held.
  init(
    _ program: String, _ arguments: [String], _ options: PreciseSession.Options = PreciseSession.Options(),
    by way: PreciseObject.Way? = nil
  ) throws {
    subject = try Subject(program, arguments)
    try subject.waitUntilTraceable()
    kill(subject.id, SIGSTOP)
    let folder = try #require(ProcessFolder(processID: subject.id))
    let files = try ProbedFile.all(of: folder, for: .events)
    session = try PreciseSession(process: subject.id, files: files, options: options)
    if let way { try session.attach(by: [way]) } else { try session.attach() }
    try session.begin(
      RecordedProcess(index: 0, processID: subject.id, command: "held", begin: ClockPair.now().nanoseconds),
      into: &recording)
  }

  /// Lets the program run to its end, with the ring read meanwhile unless told otherwise.
  mutating func run(reading: Bool = true) throws -> PreciseSession.Totals {
    kill(subject.id, SIGCONT)
    try (subject.process.standardInput as? Pipe)?.fileHandleForWriting.close()
    while subject.process.isRunning {
      let hasMore = try reading && session.collect(into: &recording)
      if !hasMore { usleep(1000) }
    }
    return try session.finish(into: &recording)
  }

  /// What the listeners' counts of all sites are.
  func semaphores() throws -> [UInt16] { try subject.semaphores(for: .events) }
}
