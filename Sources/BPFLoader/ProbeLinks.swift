// Attaching the programs to files and to the scheduler, and detaching them.
internal import CFibrilContract
internal import CLibbpf
internal import ELFNotes
internal import Glibc

/// The attachments of one trace. Destroying it detaches: after that no batch comes any more.
@safe struct ProbeLinks: ~Copyable {
  private var descriptors: [Int32] = []
  private var links: [OpaquePointer] = unsafe []
  /// The scheduler's places where a program runs.
  private(set) var events: Set<SchedulerEvent> = []

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
      let cookies = file.sites.map {
        UInt64($0.name == ProbedFile.taskStart ? FIBRIL_PROBE_TASK_START.rawValue : FIBRIL_PROBE_BATCH.rawValue)
      }
      let program = unsafe object.program(object.way.programs[ProbedFile.batch] ?? "")
      let link = unsafe tracer_link_uprobe_multi(
        bpf_program__fd(program), file.openPath, offsets, semaphores, cookies, UInt32(offsets.count),
        UInt32(bitPattern: process ?? 0))
      guard link >= 0 else { throw BPFError(action, errno: errno, detail: file.path) }
      descriptors.append(link)
      return
    }
    // The probe of records first: who waits for a tracer begins as soon as there is any.
    for (probe, program) in object.way.programs.sorted(by: { $0.key < $1.key })
    where file.sites.contains(where: { $0.name == probe }) {
      let link = unsafe bpf_program__attach_usdt(
        object.program(program), process ?? -1, file.openPath, ProbedFile.provider, probe, nil)
      guard let link = unsafe link else { throw BPFError(action, errno: errno, detail: Messages.last) }
      unsafe links.append(link)
    }
  }

  /// Has the object's programs run where the scheduler lets them; those that it refuses are left out.
  mutating func attachToScheduler(_ object: borrowing BatchObject) {
    for event in object.events {
      guard let link = unsafe bpf_program__attach(object.program(event.program)) else { continue }
      unsafe links.append(link)
      events.insert(event)
    }
  }
}
