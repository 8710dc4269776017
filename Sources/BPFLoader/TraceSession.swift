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

    /// Reserve a whole buffer's room for each batch, as it must be on kernels before 6.16.
    var usesFixedEntries = false

    /// A trace with this much room.
    public init(ringBytes: Int = 64 << 20) {
      self.ringBytes = ringBytes
    }

    init(ringBytes: Int, usesFixedEntries: Bool) {
      self.ringBytes = ringBytes
      self.usesFixedEntries = usesFixedEntries
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
    /// Batches that came through the ring.
    public var batches: UInt64
    /// Nothing is lost beyond what is counted. Otherwise the process ended before its buffers were
    /// found, or the account of loss was too small: what a task did last may be missing.
    public var endIsKnown: Bool
    /// Batches came from another program that the process has become. They are left out.
    public var processWasReplaced: Bool
  }

  /// The process that is traced.
  public let processID: Int32
  private let files: [ProbedFile]
  private let options: Options
  private let action: String
  let batches: BatchDecoder
  var attachment: Attachment?
  var buffers: BufferFile?
  /// When to look for the buffers again, in CLOCK_MONOTONIC nanoseconds, while there are none.
  var nextSearch: UInt64 = 0
  /// What was in the buffers when they were last looked at, and has not been decoded.
  private var copies: [BufferedRecords] = []
  /// By buffer: how much had been flushed when it was last looked at.
  var flushed: [UInt64] = []

  /// Prepares to trace a process whose probes lie in `files`, without touching it.
  public init(process: Int32, files: [ProbedFile], options: Options = Options()) throws(BPFError) {
    processID = process
    self.files = files
    action = "attach to process \(process)"
    batches = BatchDecoder(clock: TickClock(source: .timeStampCounter))
    batches.clock.add(.now())
    self.options = options
  }

  /// Attaches to the probes. Records made from now on are collected, and none from before.
  ///
  /// Throws `BPFError`, of kind `.lacking` where rights or the kernel are in the way.
  public func attach() throws(BPFError) {
    let usesMultiLink = files.allSatisfy(\.argumentsAreInCallingOrder)
    let hasMainThread = ProcessFolder(processID: processID)?.mainThreadHasExited != true
    try attach(by: AttachWay.allCases.filter { $0 != .uprobeMulti || usesMultiLink }, hasMainThread: hasMainThread)
  }

  /// Attaches by the first of `ways` that works.
  func attach(by ways: [AttachWay], hasMainThread: Bool) throws(BPFError) {
    findBuffers()
    // What lies in the buffers by now was left there by an earlier trace.
    forEachHeader { _, header in batches.decoder.begin(task: header.task, at: header.head) }
    var firstError: BPFError?
    for way in ways {
      do {
        attachment = try Attachment.make(
          way: way, files: files, process: processID, processHasMainThread: hasMainThread, options: options,
          decoder: batches, action: action)
        batches.clock.add(.now())
        allowLateStarts()
        return
      } catch {
        // The first way's error says most: the others are for kernels that lack it.
        firstError = firstError ?? error
      }
    }
    throw firstError ?? BPFError(action, cause: "there is no way to attach to its probes")
  }

  /// Readable when there is much to collect; wait for it no longer than 100 ms.
  public var pollDescriptor: Int32 { attachment?.ring.descriptor ?? -1 }

  /// The names of the process's fibrils from `index` of its table on, also after its end; nil if its
  /// buffers were not found, or it keeps no names beside them.
  public func names(from index: Int) -> [String]? { buffers?.names(from: index) }

  /// The process has become another program. What that does is not part of this trace.
  public var processHasBeenReplaced: Bool {
    if batches.imageHasChanged { return true }
    guard let process = ProcessFolder(processID: processID) else { return false }
    // A process that ends has closed its files too, but it gives up its program before them.
    return buffers?.isHeld(by: process) == false && process.runsAProgram
  }

  /// Delivers some of what has come in, and what sleeping tasks keep in their buffers.
  ///
  /// True if there is more: who makes records faster than they are taken never lets it become empty,
  /// so look after other things in between.
  public func collect<E: Error>(_ deliver: ([Event]) throws(E) -> Void) throws(E) -> Bool {
    batches.clock.add(.now())
    findBuffers()
    // The buffers are copied first: what was flushed before that has come in when the ring is empty.
    if copies.isEmpty { copies = copyOfQuietBuffers() }
    let hasMore = attachment?.ring.consume() ?? false
    try deliverWaiting(deliver)
    if hasMore { return true }
    for copy in copies {
      batches.decoder.decode(copy, isLast: false, clock: &batches.clock, into: &batches.events)
      try deliverWaiting(deliver)
    }
    copies = []
    return false
  }

  /// Detaches: no records are made any more.
  public func detach() {
    guard attachment?.isAttached == true else { return }
    findBuffers()
    copies = []
    // While the kernel removes the probes, which takes tens of milliseconds, batches go to nobody.
    forEachHeader { index, header in
      let expected = batches.decoder.expectedNumber(ofTask: header.task)
      if let copy = buffers?.records(at: index, from: expected) { copies.append(copy) }
    }
    attachment?.detach()
    batches.clock.add(.now())
  }

  /// Detaches, delivers all that is left, and the loss that only shows now.
  public func finish<E: Error>(_ deliver: ([Event]) throws(E) -> Void) throws(E) -> Totals {
    detach()
    while attachment?.ring.consume() == true { try deliverWaiting(deliver) }
    try deliverWaiting(deliver)
    for copy in copies {
      batches.decoder.decode(copy, isLast: true, clock: &batches.clock, into: &batches.events)
      batches.decoder.end(task: copy.task, at: copy.end, into: &batches.events)
      try deliverWaiting(deliver)
    }
    for index in 0..<(buffers?.count ?? 0) {
      guard let header = buffers?.header(at: index) else { continue }
      takeRest(ofBuffer: index, header)
      try deliverWaiting(deliver)
    }
    // A task whose buffer serves another one by now shows its lost end nowhere but here.
    for (task, range) in (attachment?.object.unplaced() ?? [:]).sorted(by: { $0.key < $1.key }) {
      batches.decoder.end(task: task, at: range.upperBound, into: &batches.events)
    }
    batches.decoder.finish(into: &batches.events)
    try deliverWaiting(deliver)
    return Totals(
      records: batches.decoder.receivedRecords, lost: batches.decoder.lostRecords, tasks: batches.decoder.seenTasks,
      batches: batches.batches, endIsKnown: buffers != nil && attachment?.object.uncountedBatches() == 0,
      processWasReplaced: batches.imageHasChanged)
  }

  private func deliverWaiting<E: Error>(_ deliver: ([Event]) throws(E) -> Void) throws(E) {
    guard !batches.events.isEmpty else { return }
    try deliver(batches.events)
    batches.events.removeAll(keepingCapacity: true)
  }
}
