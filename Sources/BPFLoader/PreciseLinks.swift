// Attaching the program of precise mode to all sites of a process's files, and detaching it.
internal import CLibbpf
internal import ELFNotes
internal import Glibc

/// The attachments of one trace. Destroying it detaches: after that no event comes any more.
@safe struct PreciseLinks: ~Copyable {
  private var descriptors: [Int32] = []
  private var links: [OpaquePointer] = unsafe []

  init() {}

  deinit {
    for descriptor in descriptors { close(descriptor) }
    unsafe links.forEach { unsafe _ = bpf_link__destroy($0) }
  }

  /// Attaches `object` to the sites of `kinds` in a file. `process` nil is every process that executes
  /// the file.
  mutating func attach(
    _ object: borrowing PreciseObject, to file: ProbedFile, kinds: Set<PreciseSession.Kind>, process: Int32?,
    action: String
  ) throws(BPFError) {
    var sites: [(site: ProbeSite, kind: PreciseSession.Kind)] = []
    for site in file.sites {
      guard let kind = PreciseSession.Kind(rawValue: site.name), kinds.contains(kind) else { continue }
      let arguments = site.arguments.split(separator: " ").count
      // Runtimes from before the root was an argument have tasks that start unnoticed.
      if arguments == 3, kind == .taskStart || kind == .taskStop { continue }
      guard arguments >= kind.arguments else {
        throw BPFError(
          action,
          cause: "the probe \(site.name) of \(file.path) has \(arguments) arguments instead of \(kind.arguments)",
          remedy: "rebuild it with the probe sites of the Fibril library or of fibril_probes.h")
      }
      sites.append((site, kind))
    }
    switch object.way {
    case .uprobeMulti:
      guard !sites.isEmpty else { return }
      let link = unsafe tracer_link_uprobe_multi(
        bpf_program__fd(object.program), file.openPath, sites.map { UInt($0.site.fileOffset) },
        sites.map { UInt($0.site.semaphoreFileOffset) }, sites.map { UInt64($0.kind.record) }, UInt32(sites.count),
        UInt32(bitPattern: process ?? 0))
      guard link >= 0 else { throw BPFError(action, errno: errno) }
      descriptors.append(link)
    case .usdt:
      for kind in Set(sites.map(\.kind)) {
        var options = bpf_usdt_opts()
        options.sz = MemoryLayout<bpf_usdt_opts>.size
        options.usdt_cookie = UInt64(kind.record)
        let link = unsafe bpf_program__attach_usdt(
          object.program, process ?? -1, file.openPath, ProbedFile.provider, kind.rawValue, &options)
        guard let link = unsafe link else { throw BPFError(action, errno: errno, detail: Messages.last) }
        unsafe links.append(link)
      }
    }
  }
}
