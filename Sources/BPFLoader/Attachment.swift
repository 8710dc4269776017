// The kernel's part of a trace, complete: programs, ring and links.
internal import TraceEvents

/// Batch mode's programs, attached to the files of processes and to the scheduler.
///
/// The ring and the account of loss stay readable after `detach`.
final class Attachment {
  let object: BatchObject
  let ring: Ring
  /// The only process whose probes fire; nil: those of all that have the file.
  let filter: Int32?
  /// To the scheduler.
  private var links: ProbeLinks
  private(set) var isAttached = true
  private var fileLinks: [ProbedFile.Identity: FileLinks] = [:]
  /// Where in the scheduler programs run.
  let events: Set<SchedulerEvent>

  /// More files than this are not attached to: each costs a link, and its place on the disk while it is deleted.
  private let mostFiles: Int

  /// To one file.
  private final class FileLinks {
    var links = ProbeLinks()
    /// When all of its probes were there, CLOCK_MONOTONIC in ns.
    var time: UInt64 = 0
  }

  private init(
    object: consuming BatchObject, ring: Ring, links: consuming ProbeLinks, filter: Int32?, mostFiles: Int
  ) {
    self.object = object
    self.ring = ring
    self.filter = filter
    events = links.events
    self.links = links
    self.mostFiles = mostFiles
  }

  /// Loads, takes in `processes`, and attaches to `files`. Throws `BPFError`, with nothing left attached.
  static func make(
    _ way: AttachWay, _ use: BatchObject.Use, processes: [Int32], filter: Int32?, files: [ProbedFile],
    options: TraceSession.Options, action: String
  ) throws(BPFError) -> Attachment {
    let object = try BatchObject(way, use, action: action)
    try object.load(use, options, action: action)
    let ring = try Ring(map: object.map("ring"), bytes: object.ringBytes, action: action)
    for process in processes { object.know(process) }
    // Ends and children first: of what the probes bring none may be missed.
    var links = ProbeLinks()
    links.attachToScheduler(object)
    let attachment = Attachment(
      object: object, ring: ring, links: links, filter: filter, mostFiles: options.mostFiles)
    for file in files.prefix(options.mostFiles) { try attachment.attach(to: file, action: action) }
    return attachment
  }

  /// When the last probe of a file had been attached to, CLOCK_MONOTONIC in ns; nil: they have not.
  func time(of file: ProbedFile.Identity) -> UInt64? { fileLinks[file]?.time }

  /// When that was of the latest file.
  var latestTime: UInt64 { fileLinks.values.map(\.time).max() ?? 0 }

  /// Attaches to one more file, if that has not been done. Where there are too many, those that `isUsed` denies are
  /// given up before. Throws `BPFError`.
  func attach(
    to file: ProbedFile, action: String, isUsed: (ProbedFile.Identity) -> Bool = { _ in true }
  ) throws(BPFError) {
    guard isAttached, fileLinks[file.identity] == nil else { return }
    if fileLinks.count >= mostFiles { fileLinks = fileLinks.filter { isUsed($0.key) } }
    guard fileLinks.count < mostFiles else {
      throw Self.tooMany(action, mostFiles)
    }
    let new = FileLinks()
    try new.links.attach(object, to: file, process: filter, action: action)
    new.time = ClockPair.now().nanoseconds
    fileLinks[file.identity] = new
  }

  static func tooMany(_ action: String, _ most: Int) -> BPFError {
    BPFError(
      action, cause: "\(most) files that hold probes are in use, and no more are attached to",
      remedy: "trace fewer programs, by name or process id")
  }

  func detach() {
    fileLinks = [:]
    links = ProbeLinks()
    isAttached = false
  }
}
