// Chrome's trace JSON, for Perfetto and chrome://tracing: the array form, one event a line, whole lines a piece, so that
// a file that was cut anywhere still loads.
//
// Two processes are shown. One is the real one, with a thread a task, which shows the fibril that runs. The other has a
// thread a fibril, which shows its states, with the calls that it made inline inside; calls that were pending are
// asynchronous events, since a million of them must not make a million threads.

public import Timeline
import TraceEvents

/// Writes a timeline as Chrome trace JSON.
public struct ChromeExporter: Exporter {
  /// The pieces written are about this big, in bytes.
  static let pieceSize = 1 << 18
  /// What is added to the process id for the process that shows fibrils: no real id is as large.
  static let fibrilProcessOffset: UInt64 = 4_194_304

  var writer: ByteWriter
  var names: NameCache
  let start: UInt64
  let process: UInt64
  var fibrilProcess: UInt64 { process + Self.fibrilProcessOffset }
  private var flows: UInt64 = 0

  /// The first error that `write` threw.
  public var failure: (any Error)? { writer.failure }

  /// An exporter for one process.
  ///
  /// `start` is the beginning of the trace, CLOCK_MONOTONIC in ns, and the file's zero. `names` is asked once for each
  /// index into the process's name table; nil is no such name. `write` gets the file in pieces of whole lines.
  public init(
    processID: Int32, command: String, start: UInt64, names: @escaping (UInt32) -> String?,
    write: @escaping ([UInt8]) throws -> Void
  ) {
    writer = ByteWriter(pieceSize: Self.pieceSize, write: write)
    self.names = NameCache(source: names)
    self.start = start
    process = UInt64(UInt32(bitPattern: processID))
    let title = JSONText.escape(command) + Array(" \(processID)".utf8)
    writer.append("[\n")
    describe(process, title: title, order: 0, isFirst: true)
    describe(fibrilProcess, title: Array("fibrils of ".utf8) + title, order: 1, isFirst: false)
  }

  /// Writes out what is held back, as whole lines.
  public mutating func flush() {
    writer.flush()
  }

  /// Closes the array.
  public mutating func finalise() throws {
    writer.append("\n]\n")
    writer.flush()
    if let failure { throw failure }
  }

  // MARK: Names of processes and threads

  private mutating func describe(_ process: UInt64, title: [UInt8], order: UInt64, isFirst: Bool) {
    if !isFirst { writer.append(",\n") }
    writer.append("{\"ph\":\"M\",\"pid\":")
    writer.append(decimal: process)
    writer.append(",\"name\":\"process_name\",\"args\":{\"name\":\"")
    writer.append(title)
    writer.append("\"}},\n{\"ph\":\"M\",\"pid\":")
    writer.append(decimal: process)
    writer.append(",\"name\":\"process_sort_index\",\"args\":{\"sort_index\":")
    writer.append(decimal: order)
    writer.append("}}")
  }

  /// A task becomes a thread of the real process.
  public mutating func announce(_ task: TaskAnnouncement) {
    let thread = Self.thread(ofTask: task.task, task.threadID)
    beginEvent("M", process, thread)
    writer.append(",\"name\":\"thread_name\",\"args\":{\"name\":\"task ")
    writer.append(decimal: task.task)
    writer.append("\"}}")
    sort(process, thread, order: task.task)
  }

  /// A fibril becomes a thread of the process that shows fibrils; a call does not.
  public mutating func announce(_ fibril: FibrilAnnouncement) {
    if fibril.label.kind == .call { return }
    let thread = Self.thread(ofFibril: fibril.label.fibril)
    beginEvent("M", fibrilProcess, thread)
    writer.append(",\"name\":\"thread_name\",\"args\":{\"name\":\"")
    append(fibril.label)
    writer.append("\"}}")
    sort(fibrilProcess, thread, order: fibril.label.fibril)
  }

  private mutating func sort(_ process: UInt64, _ thread: UInt64, order: UInt64) {
    beginEvent("M", process, thread)
    writer.append(",\"name\":\"thread_sort_index\",\"args\":{\"sort_index\":")
    writer.append(decimal: min(order, UInt64(Int32.max)))
    writer.append("}}")
    writer.flushIfLarge()
  }

  /// A task's thread; one whose thread is not known gets a number that no thread has.
  static func thread(ofTask task: UInt64, _ threadID: UInt32) -> UInt64 {
    threadID != 0 ? UInt64(threadID) : fibrilProcessOffset + (task & 0x3FFF_FFFF)
  }

  /// A fibril's thread. Perfetto knows no thread ids of more than 32 bits and would put all such on one thread.
  static func thread(ofFibril fibril: UInt64) -> UInt64 {
    UInt64(UInt32(truncatingIfNeeded: fibril))
  }

  // MARK: Parts of an event

  mutating func beginEvent(_ phase: StaticString, _ process: UInt64, _ thread: UInt64) {
    writer.append(",\n{\"ph\":\"")
    writer.append(phase)
    writer.append("\",\"pid\":")
    writer.append(decimal: process)
    writer.append(",\"tid\":")
    writer.append(decimal: thread)
  }

  mutating func append(_ key: StaticString, time: UInt64) {
    writer.append(key)
    writer.append(microseconds: time - min(time, start))
  }

  /// "worker #17"
  mutating func append(_ label: FibrilLabel) {
    writer.append(names.name(of: label))
    writer.append(" #")
    writer.append(decimal: label.fibril)
  }

  mutating func nextFlow() -> UInt64 {
    flows += 1
    return flows
  }
}
