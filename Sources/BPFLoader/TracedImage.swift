// One process image being traced: where its records come from, and how much of it has been told.
internal import TraceEvents

/// A process between two executions of programs.
final class TracedImage {
  let processID: Int32
  let origin: RecordedProcess.Origin
  /// Process id of whoever forked it; 0: not known.
  private(set) var parentID: Int32
  /// The kernel's short name of it, and the path of its program, as they were when it was last seen.
  var command: String
  private(set) var executable: String
  /// When its recording begins, CLOCK_MONOTONIC in ns.
  var begin: UInt64
  /// How the kernel tells it from others, once an entry of the ring has said so.
  var id: ImageID?

  /// It has probes. Others are watched because of what they may execute or fork.
  var isTraced: Bool
  /// What holds its probes; nil: not known.
  var files: Set<ProbedFile.Identity>?
  /// How often it was looked at for probes.
  var looks = 0
  /// It waits to execute the command.
  var isHeld = false
  /// It has a place in the recording even if it never does anything.
  var mustAppear = false
  /// It had tasks already when it was attached to.
  var hasPast = false
  /// Its place in the recording once that has begun.
  var number: Int?

  var tasks: [UInt64: TaskLedger] = [:]
  private(set) var buffers: BufferFile?
  /// The clock of its records as far as that is known.
  private(set) var clock: TickClock.Source?
  /// How many of its names have been told.
  var toldNames = 0
  var modules = ModuleReader()
  /// When to look for the buffers again, CLOCK_MONOTONIC in ns.
  private var nextSearch: UInt64 = 0

  /// A process that invents tasks gets no more than this many.
  private static let mostTasks = 1 << 16

  init(
    processID: Int32, origin: RecordedProcess.Origin, begin: UInt64, isTraced: Bool, id: ImageID? = nil,
    parent: TracedImage? = nil, parentID: Int32 = 0
  ) {
    self.processID = processID
    self.origin = origin
    self.begin = begin
    self.isTraced = isTraced
    self.id = id
    self.parentID = parent?.processID ?? parentID
    clock = parent?.clock
    files = parent?.files
    command = parent?.command ?? ""
    executable = parent?.executable ?? ""
    learnIdentity()
  }

  /// Reads what it is called, unless it has ended.
  func learnIdentity() {
    guard let folder = ProcessFolder(processID: processID) else { return }
    // "4711 (a name) S 4710 ...": the name may hold anything.
    let status = contentsOfProcFile(folder.path + "/stat", limit: 4096) ?? ""
    if let start = status.firstIndex(of: "("), let end = status.lastIndex(of: ")"), start < end {
      command = String(status[status.index(after: start)..<end])
      let fields = status[end...].split(separator: " ")
      if parentID == 0, fields.count > 2 { parentID = Int32(fields[2]) ?? 0 }
    }
    let deleted = " (deleted)"
    guard var path = targetOfProcLink(folder.path + "/exe") else { return }
    if path.hasSuffix(deleted) { path.removeLast(deleted.count) }
    executable = path
  }

  /// Identifies the process image as its own table does; nil while its buffers are not known.
  var ident: UInt64? { buffers?.ident }

  func learnClock(_ source: TickClock.Source) { clock = clock ?? source }

  /// Looks for the buffers unless they are known; true if they are now. With `now` it does not save time.
  @discardableResult
  func findBuffers(now: Bool = false) -> Bool {
    if buffers != nil { return true }
    let start = ClockPair.now().nanoseconds
    guard now || start >= nextSearch, let process = ProcessFolder(processID: processID) else { return false }
    // A forked child may still hold its parent's.
    if let found = BufferFile(of: process), found.isOwn || origin != .forked {
      buffers = consume found
      forEachHeader { _, header in clock = header.clock }
      return true
    }
    // A process may have a million descriptors: no more than a tenth of the time goes into the search.
    let end = ClockPair.now().nanoseconds
    nextSearch = end + 10 * (end - start)
    return false
  }

  /// Takes what lies in the buffers by now for old: an earlier trace has left it there.
  func skipPast() {
    findBuffers(now: true)
    forEachHeader { _, header in
      hasPast = true
      tasks[header.task] = TaskLedger(at: header.head)
    }
  }

  /// Batches that were made while the probes were being attached may have gone to nobody, or to another
  /// tracer alone.
  func allowLateStarts(_ object: borrowing BatchObject) {
    findBuffers(now: true)
    let headers = allHeaders()
    // Read after the headers: whatever of ours had been flushed and not placed by then is in it.
    let ours = object.unplacedTasks().filter { $0.image.processID == processID }
    for header in headers {
      if header.flushed > 0 { hasPast = true }
      let unplaced = ours.filter { $0.task == header.task }
        .compactMap { object.unplaced($0.image, task: $0.task)?.lowerBound }.min()
      tasks[header.task, default: TaskLedger()].mayBegin(at: min(header.flushed, unplaced ?? .max))
    }
  }

  /// The task's account; nil if there are too many.
  func withTask<Result>(_ task: UInt64, _ body: (inout TaskLedger) -> Result) -> Result? {
    guard task != 0, tasks.count < Self.mostTasks || tasks[task] != nil else { return nil }
    return body(&tasks[task, default: TaskLedger()])
  }

  func expected(_ task: UInt64) -> UInt64 { tasks[task]?.expected ?? 0 }

  func allHeaders() -> [BufferHeader] { buffersInOrder().map(\.header) }

  /// The buffers that serve tasks, by their places.
  func buffersInOrder() -> [(index: Int, header: BufferHeader)] {
    (0..<(buffers?.count ?? 0)).compactMap { index in buffers?.header(at: index).map { (index, $0) } }
  }

  /// Where in the file a buffer lies, and its task's thread.
  func place(ofBuffer index: Int) -> (offset: UInt64, threadID: UInt32)? { buffers?.place(ofBuffer: index) }

  /// Copies a buffer's records from `number` on; nil if there are none.
  func records(at index: Int, from number: UInt64, isQuiet: Bool = false) -> BufferedRecords? {
    buffers?.records(at: index, from: number, isQuiet: isQuiet)
  }

  /// The names from an index on that there are by now; nil if they are not known.
  func names(from index: Int) -> [String]? { buffers?.names(from: index) }

  func forEachHeader(_ body: (Int, BufferHeader) -> Void) {
    for index in 0..<(buffers?.count ?? 0) {
      if let header = buffers?.header(at: index) { body(index, header) }
    }
  }
}
