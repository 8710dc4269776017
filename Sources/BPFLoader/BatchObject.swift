// The loaded BPF object of the probe `batch`: its settings, its ring and its account of loss.
internal import BPFObjects
internal import CFibrilContract
internal import CLibbpf
internal import Glibc

/// How the program is hooked to the probe.
enum AttachWay: CaseIterable {
  /// One link for all sites of a file. Linux 6.6 and later, with CAP_BPF and CAP_PERFMON alone.
  case uprobeMulti
  /// By libbpf, a perf event a site, which needs CAP_SYS_ADMIN; arguments may lie anywhere.
  case usdt
  /// The same on kernels before 6.0, where such a program may not sleep.
  case usdtWithoutSleep

  var program: String { self == .uprobeMulti ? "batch_registers" : "batch_note" }
  var maySleep: Bool { self != .usdtWithoutSleep }
}

/// The object in the kernel. Destroying it unloads it.
@safe struct BatchObject: ~Copyable {
  let way: AttachWay
  private let object: OpaquePointer

  /// Opens the object; the kernel knows nothing of it yet.
  init(way: AttachWay, action: String) throws(BPFError) {
    Messages.collect()
    let bytes = BPFObject.batch.decoded()
    let opened = unsafe bytes.withUnsafeBytes { bytes in
      unsafe BPFObject.batch.name.withCString { name in
        var options = unsafe bpf_object_open_opts()
        unsafe options.sz = MemoryLayout<bpf_object_open_opts>.size
        unsafe options.object_name = name
        return unsafe bpf_object__open_mem(bytes.baseAddress, bytes.count, &options)
      }
    }
    guard let object = unsafe opened else { throw BPFError(action, errno: errno, detail: Messages.last) }
    self.way = way
    unsafe self.object = object
  }

  deinit { unsafe bpf_object__close(object) }

  /// Loads what one way of attaching needs. `onlyProcess` makes the program itself check who runs
  /// into the probe. Throws `BPFError` with the action `action`.
  func load(_ options: TraceSession.Options, onlyProcess: Int32?, action: String) throws(BPFError) {
    for other in AttachWay.allCases where other.program != way.program {
      unsafe _ = bpf_program__set_autoload(bpf_object__find_program_by_name(object, other.program), false)
    }
    let program = unsafe bpf_object__find_program_by_name(object, way.program)
    if way == .uprobeMulti {
      unsafe _ = bpf_program__set_expected_attach_type(program, bpf_attach_type(UInt32(TRACER_ATTACH_UPROBE_MULTI)))
    }
    unsafe _ = bpf_program__set_flags(program, way.maySleep ? UInt32(BPF_F_SLEEPABLE) : 0)
    let ring = unsafe bpf_object__find_map_by_name(object, "ring")
    unsafe _ = bpf_map__set_max_entries(ring, UInt32(clamping: options.ringBytes))
    var settings = fibril_batch_settings()
    settings.may_sleep = way.maySleep ? 1 : 0
    settings.fixed_entries = options.usesFixedEntries ? 1 : 0
    if let onlyProcess {
      settings.only_tgid = UInt32(bitPattern: onlyProcess)
      (settings.namespace_device, settings.namespace_inode) = Self.ownNamespace()
    }
    guard unsafe Self.set(settings, in: object) else {
      throw BPFError(action, cause: "the BPF object's settings have another size", remedy: "rebuild the tracer")
    }
    let status = unsafe bpf_object__load(object)
    guard status == 0 else { throw BPFError(action, errno: -status, detail: Messages.last) }
  }

  /// The loaded program, which lives as long as this object.
  @unsafe var program: OpaquePointer? { unsafe bpf_object__find_program_by_name(object, way.program) }
  /// Descriptor of the ring, which lives as long as this object.
  var ring: Int32 { unsafe bpf_object__find_map_fd_by_name(object, "ring") }

  /// What of each task found no place in the ring: from its first to behind its last number, by task.
  func unplaced() -> [UInt64: Range<UInt64>] {
    let map = unsafe bpf_object__find_map_fd_by_name(object, "unplaced")
    var ranges: [UInt64: Range<UInt64>] = [:]
    var task: UInt64 = 0
    // Keys and values have the sizes that fibril_ring.h gives the map.
    var status = unsafe bpf_map_get_next_key(map, nil, &task)
    while status == 0 {
      var unplaced = fibril_unplaced()
      if unsafe bpf_map_lookup_elem(map, &task, &unplaced) == 0, unplaced.first < unplaced.end {
        ranges[task] = unplaced.first..<unplaced.end
      }
      var next: UInt64 = 0
      status = unsafe bpf_map_get_next_key(map, &task, &next)
      task = next
    }
    return ranges
  }

  /// Batches lost of tasks that not even the account of loss had room for.
  func uncountedBatches() -> UInt64 {
    let map = unsafe bpf_object__find_map_fd_by_name(object, ".bss")
    var key: UInt32 = 0
    var count: UInt64 = 0
    // `uncounted` is the only global variable, so the map's only value is its 8 bytes.
    return unsafe bpf_map_lookup_elem(map, &key, &count) == 0 ? count : 0
  }

  /// Device and inode of this process's PID namespace; zeros for the first one, which sees all.
  private static func ownNamespace() -> (device: UInt64, inode: UInt64) {
    let firstNamespaceInode: UInt64 = 0xeffffffc
    var status = stat()
    guard unsafe stat("/proc/self/ns/pid", &status) == 0, status.st_ino != firstNamespaceInode else { return (0, 0) }
    return (UInt64(status.st_dev), UInt64(status.st_ino))
  }

  private static func set(_ settings: fibril_batch_settings, in object: OpaquePointer) -> Bool {
    guard let map = unsafe bpf_object__find_map_by_name(object, ".rodata"),
      unsafe bpf_map__value_size(map) == UInt32(MemoryLayout<fibril_batch_settings>.size)
    else { return false }
    var settings = settings
    return unsafe bpf_map__set_initial_value(map, &settings, MemoryLayout<fibril_batch_settings>.size) == 0
  }
}
