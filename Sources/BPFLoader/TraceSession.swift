// One process being traced: from attaching to its probes to the last record it left.
internal import BPFObjects
internal import Glibc
public import TraceEvents

/// Traces one process in batch mode.
///
/// The order of calls is `init`, `attach`, then `collect` at least every 100 ms, then `finish`.
public final class TraceSession {
  /// How the trace is made.
  public struct Options: Sendable {
    /// Room for records between the process and the tracer, in bytes; a power of two and a multiple
    /// of the page.
    public var ringBytes: Int

    public init(ringBytes: Int = 64 << 20) {
      self.ringBytes = ringBytes
    }
  }

  /// What came of it.
  public struct Totals: Equatable, Sendable {
    /// Records that arrived, extensions and padding among them.
    public var records: UInt64
    /// Records that never arrived.
    public var lost: UInt64
    /// Tasks of which records arrived or were lost.
    public var tasks: Int
    public var batches: UInt64
  }

  public let processID: Int32
  private let files: [ProbedFile]
  private let ringBytes: Int
  private let action: String
  private let batches: BatchDecoder
  private var attachment: Attachment?
  private var buffers: BufferFile?
  /// When to look for the buffers again, in CLOCK_MONOTONIC nanoseconds, while there are none.
  private var nextSearch: UInt64 = 0
  /// By buffer: how much had been flushed when it was last looked at.
  private var flushed: [UInt64] = []

  /// Prepares to trace a process whose probes lie in `files`, without touching it.
  public init(process: Int32, files: [ProbedFile], options: Options = Options()) throws(BPFError) {
    processID = process
    self.files = files
    action = "attach to process \(process)"
    batches = BatchDecoder(clock: TickClock(source: .timeStampCounter))
    batches.clock.add(.now())
    ringBytes = options.ringBytes
  }

  /// Attaches to the probes. Records made from now on are collected, and none from before.
  ///
  /// Throws `BPFError`, of kind `.lacking` where rights or the kernel are in the way.
  public func attach() throws(BPFError) {
    let process = ProcessFolder(processID: processID)
    findBuffers()
    // What lies in the buffers by now was left there by an earlier trace.
    forEachHeader { _, header in batches.decoder.begin(task: header.task, at: header.head) }

    let usesMultiLink = files.allSatisfy(\.argumentsAreInCallingOrder)
    var firstError: BPFError?
    for way in AttachWay.allCases where way != .uprobeMulti || usesMultiLink {
      do {
        attachment = try Attachment.make(
          way: way, files: files, process: processID, processHasMainThread: process?.mainThreadHasExited != true,
          ringBytes: ringBytes, decoder: batches, action: action)
        batches.clock.add(.now())
        return
      } catch {
        // The first way's error says most: the others are for kernels that lack it.
        firstError = firstError ?? error
      }
    }
    throw firstError ?? BPFError(action, cause: "no way to attach to its probes")
  }

  /// Readable when there is much to collect; wait for it no longer than 100 ms.
  public var pollDescriptor: Int32 { attachment?.ring.descriptor ?? -1 }

  /// Delivers what has come in, and what sleeping tasks keep in their buffers.
  public func collect<E: Error>(_ deliver: ([Event]) throws(E) -> Void) throws(E) {
    batches.clock.add(.now())
    findBuffers()
    // The buffers are copied first: what was flushed before that is in the ring then.
    let copies = copyOfQuietBuffers()
    try drain(deliver)
    for copy in copies {
      batches.decoder.decode(copy, isLast: false, clock: &batches.clock, into: &batches.events)
      try deliverWaiting(deliver)
    }
  }

  /// Detaches: no records are made any more.
  public func detach() {
    findBuffers()
    attachment?.detach()
    batches.clock.add(.now())
  }

  /// Detaches, delivers all that is left, and the loss that only shows now.
  public func finish<E: Error>(_ deliver: ([Event]) throws(E) -> Void) throws(E) -> Totals {
    detach()
    try drain(deliver)
    for index in 0..<(buffers?.count ?? 0) {
      guard let header = buffers?.header(at: index) else { continue }
      let expected = batches.decoder.expectedNumber(ofTask: header.task)
      if let rest = buffers?.records(at: index, from: expected, isQuiet: true) {
        batches.decoder.decode(rest, isLast: true, clock: &batches.clock, into: &batches.events)
      }
      batches.decoder.end(task: header.task, at: header.head, into: &batches.events)
      try deliverWaiting(deliver)
    }
    // A task whose buffer serves another one by now shows its lost end nowhere but here.
    for (task, end) in (attachment?.object.unplacedEnds() ?? [:]).sorted(by: { $0.key < $1.key }) {
      batches.decoder.end(task: task, at: end, into: &batches.events)
    }
    batches.decoder.finish(into: &batches.events)
    try deliverWaiting(deliver)
    return Totals(
      records: batches.decoder.receivedRecords, lost: batches.decoder.lostRecords, tasks: batches.decoder.seenTasks,
      batches: batches.batches)
  }

  private func drain<E: Error>(_ deliver: ([Event]) throws(E) -> Void) throws(E) {
    var hasMore = true
    while hasMore, attachment != nil {
      hasMore = attachment?.ring.consume() ?? false
      try deliverWaiting(deliver)
    }
  }

  private func deliverWaiting<E: Error>(_ deliver: ([Event]) throws(E) -> Void) throws(E) {
    guard !batches.events.isEmpty else { return }
    try deliver(batches.events)
    batches.events.removeAll(keepingCapacity: true)
  }
}

extension TraceSession {
  private func findBuffers() {
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

  private func forEachHeader(_ body: (Int, BufferHeader) -> Void) {
    for index in 0..<(buffers?.count ?? 0) {
      if let header = buffers?.header(at: index) { body(index, header) }
    }
  }

  /// Records that are in no batch yet, of tasks that have made no batch since the last look.
  private func copyOfQuietBuffers() -> [BufferedRecords] {
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
