// The loaded BPF object of batch mode: its programs, its settings, its ring.
internal import BPFObjects
internal import CFibrilContract
internal import CLibbpf
internal import Glibc

/// How the programs are hooked to the probes.
enum AttachWay: CaseIterable {
  /// One link for all sites of a file. Linux 6.6 and later, with CAP_BPF and CAP_PERFMON alone.
  case uprobeMulti
  /// By libbpf, a perf event a site, which needs CAP_SYS_ADMIN; arguments may lie anywhere.
  case usdt
  /// The same on kernels before 6.0, where such a program may not sleep.
  case usdtWithoutSleep

  /// By the probe that they are for.
  var programs: [String: String] {
    self == .uprobeMulti
      ? [ProbedFile.batch: "probe_registers", ProbedFile.taskStart: "probe_registers"]
      : [ProbedFile.batch: "batch_note", ProbedFile.taskStart: "task_start_note"]
  }
  var maySleep: Bool { self != .usdtWithoutSleep }
}

/// A place in the kernel's scheduler where a program may run.
enum SchedulerEvent: String, CaseIterable {
  case exit = "sched_process_exit"
  /// Linux 6.10 and later.
  case prepareExec = "sched_prepare_exec"
  case exec = "sched_process_exec"
  case fork = "sched_process_fork"

  var program: String {
    switch self {
    case .exit: "process_exit"
    case .prepareExec: "prepare_exec"
    case .exec: "process_exec"
    case .fork: "process_fork"
    }
  }
}

/// The object in the kernel. Destroying it unloads it.
@safe struct BatchObject: ~Copyable {
  let way: AttachWay
  /// Whose programs are loaded.
  let events: [SchedulerEvent]
  private let object: OpaquePointer

  /// What the programs do, beside what the options say.
  struct Use {
    /// Take in whoever runs into a probe.
    var everybody: Bool
    /// Take in children.
    var follow: Bool
    /// Without these, nobody tells of processes' ends and children, and memory is not read at an end.
    var usesSchedulerEvents = true
  }

  /// Opens the object; the kernel knows nothing of it yet.
  init(_ way: AttachWay, _ use: Use, action: String) throws(BPFError) {
    self.way = way
    unsafe object = unsafe try BPFObject.batch.open(action: action)
    events = SchedulerEvent.allCases.filter { event in
      let isMeant = use.usesSchedulerEvents && (event != .fork || use.follow || use.everybody)
      return unsafe isMeant && libbpf_find_vmlinux_btf_id(event.rawValue, BPF_TRACE_RAW_TP) > 0
    }
  }

  deinit { unsafe bpf_object__close(object) }

  /// Loads what one way of attaching needs. Throws `BPFError` with the action `action`.
  func load(_ use: Use, _ options: TraceSession.Options, action: String) throws(BPFError) {
    let probes = Set(way.programs.values)
    for other in Set(AttachWay.allCases.flatMap(\.programs.values)).subtracting(probes) { skip(other) }
    for event in SchedulerEvent.allCases where !events.contains(event) { skip(event.program) }
    for name in probes {
      let program = unsafe program(name)
      if way == .uprobeMulti {
        unsafe _ = bpf_program__set_expected_attach_type(program, bpf_attach_type(UInt32(TRACER_ATTACH_UPROBE_MULTI)))
      }
      unsafe _ = bpf_program__set_flags(program, way.maySleep ? UInt32(BPF_F_SLEEPABLE) : 0)
    }
    let ring = unsafe bpf_object__find_map_by_name(object, "ring")
    unsafe _ = bpf_map__set_max_entries(ring, UInt32(clamping: options.ringBytes))
    var settings = fibril_batch_settings()
    settings.may_sleep = way.maySleep ? 1 : 0
    settings.fixed_entries = options.usesFixedEntries ? 1 : 0
    settings.everybody = use.everybody ? 1 : 0
    settings.follow = use.follow ? 1 : 0
    settings.namespace_inode = Self.ownNamespace()
    guard unsafe Self.set(settings, in: object) else {
      throw BPFError(action, cause: "the BPF object's settings have another size", remedy: "rebuild the tracer")
    }
    let status = unsafe bpf_object__load(object)
    guard status == 0 else { throw BPFError(action, errno: -status, detail: Messages.last) }
  }

  private func skip(_ name: String) { unsafe _ = bpf_program__set_autoload(program(name), false) }

  /// A loaded program, which lives as long as this object.
  @unsafe func program(_ name: String) -> OpaquePointer? { unsafe bpf_object__find_program_by_name(object, name) }

  /// Descriptor of a map, which lives as long as this object.
  func map(_ name: String) -> Int32 { unsafe bpf_object__find_map_fd_by_name(object, name) }

  /// Size of the ring in bytes.
  var ringBytes: Int { unsafe Int(bpf_map__max_entries(bpf_object__find_map_by_name(object, "ring"))) }

  /// Inode of this process's PID namespace; 0 for the first one, which sees all.
  private static func ownNamespace() -> UInt32 {
    let firstNamespaceInode: UInt64 = 0xeffffffc
    var status = stat()
    guard unsafe stat("/proc/self/ns/pid", &status) == 0, status.st_ino != firstNamespaceInode else { return 0 }
    return UInt32(truncatingIfNeeded: status.st_ino)
  }

  static var isInFirstNamespace: Bool { ownNamespace() == 0 }

  private static func set(_ settings: fibril_batch_settings, in object: OpaquePointer) -> Bool {
    guard let map = unsafe bpf_object__find_map_by_name(object, ".rodata"),
      unsafe bpf_map__value_size(map) == UInt32(MemoryLayout<fibril_batch_settings>.size)
    else { return false }
    var settings = settings
    return unsafe bpf_map__set_initial_value(map, &settings, MemoryLayout<fibril_batch_settings>.size) == 0
  }
}
