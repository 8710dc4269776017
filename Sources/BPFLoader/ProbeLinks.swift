// Attaching the batch program to a process's files, and detaching it.
internal import CLibbpf
internal import ELFNotes
internal import Glibc

/// The attachments of one trace. Destroying it detaches: after that no batch comes any more.
@safe struct ProbeLinks: ~Copyable {
  private var descriptors: [Int32] = []
  private var links: [OpaquePointer] = unsafe []

  init() {}

  deinit {
    for descriptor in descriptors { close(descriptor) }
    unsafe links.forEach { unsafe _ = bpf_link__destroy($0) }
  }

  /// Attaches `object` to all sites of a file. `process` nil is every process that executes the file.
  mutating func attach(
    _ object: borrowing BatchObject, to file: ProbedFile, process: Int32?, action: String
  ) throws(BPFError) {
    if object.way == .uprobeMulti {
      let offsets = file.sites.map { UInt($0.fileOffset) }
      let semaphores = file.sites.map { UInt($0.semaphoreFileOffset) }
      let link = unsafe tracer_link_uprobe_multi(
        bpf_program__fd(object.program), file.path, offsets, semaphores, UInt32(offsets.count),
        UInt32(bitPattern: process ?? 0))
      guard link >= 0 else { throw BPFError(action, errno: errno) }
      descriptors.append(link)
    } else {
      let link = unsafe bpf_program__attach_usdt(
        object.program, process ?? -1, file.path, ProbedFile.provider, ProbedFile.probe, nil)
      guard let link = unsafe link else { throw BPFError(action, errno: errno, detail: Messages.last) }
      unsafe links.append(link)
    }
  }
}
