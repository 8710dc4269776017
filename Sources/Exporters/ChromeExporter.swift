// Chrome's trace JSON, for Perfetto and chrome://tracing: the array form, one event a line, whole lines a piece, so that
// a file that was cut anywhere still loads.
//
// Of each process two are shown. One is the real one, with a thread a task, which shows the fibril that runs. The other has a
// thread a fibril, which shows its states, with the calls that it made inline inside; calls that were pending are
// asynchronous events, since a million of them must not make a million threads.

public import Timeline
public import TraceEvents

/// Writes a timeline as Chrome trace JSON.
public struct ChromeExporter: Exporter {
  /// The pieces written are about this big, in bytes.
  static let pieceSize = 1 << 18
  /// What is added to the process id for the process that shows fibrils: no real id is as large.
  static let fibrilProcessOffset: UInt64 = 4_194_304

  var writer: ByteWriter
  /// The trace's zero; nil until a process begins.
  private var start: UInt64?
  /// The selected process, and those that are not.
  private var selected = ChromeProcess.none
  private var others: [Int: ChromeProcess] = [:]
  private var numbers = ProcessNumbers()
  private var flows: UInt64 = 0

  var process: UInt64 { selected.process }
  var fibrilProcess: UInt64 { selected.fibrilProcess }
  var names: NameCache {
    _read { yield selected.names }
    _modify { yield &selected.names }
  }

  /// The first error that `write` threw.
  public var failure: (any Error)? { writer.failure }

  /// An exporter for any number of processes, which are told by `begin`.
  ///
  /// `start` is the beginning of the trace, CLOCK_MONOTONIC in ns, and the file's zero; nil: that of the first process.
  /// `write` gets the file in pieces of whole lines.
  public init(start: UInt64?, write: @escaping ([UInt8]) throws -> Void) {
    writer = ByteWriter(pieceSize: Self.pieceSize, write: write)
    self.start = start
    writer.append("[\n")
  }

  /// An exporter for one process.
  ///
  /// `names` is asked once for each index into the process's name table; nil is no such name. The rest is as above.
  public init(
    processID: Int32, command: String, start: UInt64, names: @escaping (UInt32) -> String?,
    write: @escaping ([UInt8]) throws -> Void
  ) {
    self.init(start: start, write: write)
    let process = RecordedProcess(index: 0, processID: processID, command: command, begin: start)
    begin(process, texts: ProcessTexts(name: names))
    select(0)
  }

  /// A process becomes two of Perfetto's: one for its tasks, one for its fibrils.
  public mutating func begin(_ process: RecordedProcess, texts: ProcessTexts) {
    start = start ?? process.begin
    let isFirst = numbers.isEmpty
    let (number, fibrilNumber) = numbers.take(for: UInt64(UInt32(bitPattern: process.processID)))
    others[process.index] = ChromeProcess(
      index: process.index, process: number, fibrilProcess: fibrilNumber, names: NameCache(texts))
    let title = JSONText.escape(process.command) + Array(" \(process.processID)".utf8)
    let order = 2 * UInt64(truncatingIfNeeded: process.index)
    describe(number, title: title, order: order, isFirst: isFirst)
    describe(fibrilNumber, title: Array("fibrils of ".utf8) + title, order: order &+ 1, isFirst: false)
  }

  public mutating func select(_ process: Int) {
    guard process != selected.index, let next = others.removeValue(forKey: process) else { return }
    if selected.index >= 0 { others[selected.index] = selected }
    selected = next
  }

  public mutating func end(_ process: Int) {
    others[process] = nil
    if selected.index == process { selected = .none }
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
    writer.append(microseconds: time - min(time, start ?? time))
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
