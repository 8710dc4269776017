// The kernel's part of a trace, complete: program, ring and links.

/// A batch program attached to a process's files, with the ring it fills.
///
/// The ring and the account of loss stay readable after `detach`.
struct Attachment: ~Copyable {
  let object: BatchObject
  let ring: Ring
  private var links: ProbeLinks
  private(set) var isAttached = true

  private init(object: consuming BatchObject, ring: consuming Ring, links: consuming ProbeLinks) {
    self.object = object
    self.ring = ring
    self.links = links
  }

  /// Loads and attaches. Throws `BPFError`, with nothing left attached.
  static func make(
    way: AttachWay, files: [ProbedFile], process: Int32, processHasMainThread: Bool,
    options: TraceSession.Options, decoder: BatchDecoder, action: String
  ) throws(BPFError) -> Attachment {
    // The kernel finds a process by its main thread's address space. Where that is gone, the probes
    // of all processes are attached and the program looks who runs into them.
    let filter: Int32? = processHasMainThread ? process : nil
    let object = try BatchObject(way: way, action: action)
    try object.load(options, onlyProcess: filter == nil ? process : nil, action: action)
    let ring = try Ring(map: object.ring, decoder: decoder, action: action)
    var links = ProbeLinks()
    for file in files { try links.attach(object, to: file, process: filter, action: action) }
    return Attachment(object: object, ring: ring, links: links)
  }

  mutating func detach() {
    links = ProbeLinks()
    isAttached = false
  }
}
