// The kernel's part of a trace, complete: programs, ring and links.

/// Batch mode's programs, attached to the files of processes and to the scheduler.
///
/// The ring and the account of loss stay readable after `detach`.
final class Attachment {
  let object: BatchObject
  let ring: Ring
  /// The only process whose probes fire; nil: those of all that have the file.
  let filter: Int32?
  private var links: ProbeLinks
  private(set) var isAttached = true
  /// What has been attached to.
  private(set) var files: Set<ProbedFile.Identity> = []
  /// Where in the scheduler programs run.
  let events: Set<SchedulerEvent>

  /// More files than this are not attached to: each costs a link.
  private static let mostFiles = 256

  private init(object: consuming BatchObject, ring: Ring, links: consuming ProbeLinks, filter: Int32?) {
    self.object = object
    self.ring = ring
    self.filter = filter
    events = links.events
    self.links = links
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
    let attachment = Attachment(object: object, ring: ring, links: links, filter: filter)
    for file in files { try attachment.attach(to: file, action: action) }
    return attachment
  }

  /// Attaches to one more file, if that has not been done. Throws `BPFError`.
  func attach(to file: ProbedFile, action: String) throws(BPFError) {
    guard isAttached, files.count < Self.mostFiles, files.insert(file.identity).inserted else { return }
    do {
      try links.attach(object, to: file, process: filter, action: action)
    } catch {
      files.remove(file.identity)
      throw error
    }
  }

  func detach() {
    links = ProbeLinks()
    isAttached = false
  }
}
