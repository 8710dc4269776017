// The loaded BPF object of precise mode: its settings and filters, its maps and its account of loss.
internal import BPFObjects
internal import CFibrilContract
internal import CLibbpf
internal import Glibc
internal import TraceEvents

/// The object in the kernel. Destroying it unloads it.
@safe struct PreciseObject: ~Copyable {
  /// How the program is hooked to the probes.
  enum Way: CaseIterable {
    /// One link for all sites of a file. Linux 6.6 and later, with CAP_BPF and CAP_PERFMON alone.
    case uprobeMulti
    /// By libbpf, a perf event a site, which needs CAP_SYS_ADMIN; arguments may lie anywhere.
    case usdt

    var program: String { self == .uprobeMulti ? "event_registers" : "event_note" }
  }

  let way: Way
  private let object: OpaquePointer

  /// Opens the object; the kernel knows nothing of it yet.
  init(way: Way, action: String) throws(BPFError) {
    self.way = way
    unsafe object = unsafe try BPFObject.precise.open(action: action)
  }

  deinit { unsafe bpf_object__close(object) }

  /// Loads what one way of attaching needs. `onlyProcess` makes the program itself check who runs
  /// into a probe. Throws `BPFError` with the action `action`.
  func load(_ options: PreciseSession.Options, onlyProcess: Int32?, action: String) throws(BPFError) {
    for other in Way.allCases where other != way {
      unsafe _ = bpf_program__set_autoload(bpf_object__find_program_by_name(object, other.program), false)
    }
    if way == .uprobeMulti {
      unsafe _ = bpf_program__set_expected_attach_type(program, bpf_attach_type(UInt32(TRACER_ATTACH_UPROBE_MULTI)))
    }
    unsafe _ = bpf_map__set_max_entries(
      bpf_object__find_map_by_name(object, "ring"), UInt32(clamping: options.ringBytes))
    // The kernel sets the room for stacks aside at once: 16 MiB.
    unsafe _ = bpf_map__set_max_entries(
      bpf_object__find_map_by_name(object, "stacks"), options.stacks ? UInt32(clamping: options.stackSlots) : 1)
    var settings = options.settings
    if let onlyProcess {
      settings.only_tgid = UInt32(bitPattern: onlyProcess)
      (settings.namespace_device, settings.namespace_inode) = Self.ownNamespace()
    }
    let data = unsafe bpf_object__find_map_by_name(object, ".rodata")
    let size = MemoryLayout<fibril_precise_settings>.size
    guard unsafe bpf_map__set_initial_value(data, &settings, size) == 0 else {
      throw BPFError(action, cause: "the BPF object's settings have another size", remedy: "rebuild the tracer")
    }
    let status = unsafe bpf_object__load(object)
    guard status == 0 else { throw BPFError(action, errno: -status, detail: Messages.last) }
  }

  /// The loaded program, which lives as long as this object.
  @unsafe var program: OpaquePointer? { unsafe bpf_object__find_program_by_name(object, way.program) }
  /// Descriptor of the ring, which lives as long as this object.
  var ring: Int32 { map("ring") }

  /// What the program has counted.
  struct Counts {
    /// The number of the next record, of every task that had an event.
    var next: [(of: fibril_precise_task, number: UInt64)] = []
    /// Events that are in no number.
    var uncounted: UInt64 = 0
    var missedStacks: UInt64 = 0
  }

  func counts() -> Counts {
    var counts = Counts()
    let accountBytes = MemoryLayout<fibril_precise_account>.size
    let slotBytes = MemoryLayout<fibril_precise_slot>.size
    var key: UInt32 = 0
    var bytes = [UInt8](repeating: 0, count: accountBytes + Int(FIBRIL_PRECISE_SLOTS) * slotBytes)
    // `kept` is the only global variable, so it is the map's only value.
    let kept = unsafe bpf_object__find_map_by_name(object, ".bss")
    if unsafe bpf_map__value_size(kept) == UInt32(bytes.count),
      unsafe bpf_map_lookup_elem(bpf_map__fd(kept), &key, &bytes) == 0
    {
      let bytes = unsafe bytes.span.bytes
      let account = unsafe bytes.unsafeLoadUnaligned(as: fibril_precise_account.self)
      counts.uncounted = account.uncounted
      counts.missedStacks = account.missed_stacks
      for index in 0..<Int(FIBRIL_PRECISE_SLOTS) {
        let slot = unsafe bytes.unsafeLoadUnaligned(
          fromByteOffset: accountBytes + index * slotBytes, as: fibril_precise_slot.self)
        if slot.of.process != 0 { counts.next.append((slot.of, slot.next)) }
      }
    }
    let numbers = map("numbers")
    var task = fibril_precise_task()
    // Keys and values have the sizes that precise.bpf.c gives the map.
    var status = unsafe bpf_map_get_next_key(numbers, nil, &task)
    while status == 0 {
      var number: UInt64 = 0
      if unsafe bpf_map_lookup_elem(numbers, &task, &number) == 0 { counts.next.append((task, number)) }
      var next = fibril_precise_task()
      status = unsafe bpf_map_get_next_key(numbers, &task, &next)
      task = next
    }
    return counts
  }

  /// The program counters of a stack, innermost first; nil if there is no stack of this id.
  func stack(_ id: UInt32) -> [UInt64]? {
    guard id > 0 else { return nil }
    var id = id - 1
    var counters = [UInt64](repeating: 0, count: Int(FIBRIL_STACK_DEPTH))
    guard unsafe bpf_map_lookup_elem(map("stacks"), &id, &counters) == 0 else { return nil }
    return Array(counters.prefix { $0 != 0 })
  }

  private func map(_ name: String) -> Int32 { unsafe bpf_object__find_map_fd_by_name(object, name) }

  /// Device and inode of this process's PID namespace; zeros for the first one, which sees all.
  private static func ownNamespace() -> (device: UInt64, inode: UInt64) {
    let firstNamespaceInode: UInt64 = 0xeffffffc
    var status = stat()
    guard unsafe stat("/proc/self/ns/pid", &status) == 0, status.st_ino != firstNamespaceInode else { return (0, 0) }
    return (UInt64(status.st_dev), UInt64(status.st_ino))
  }
}

extension PreciseSession.Options {
  /// As the program reads them.
  fileprivate var settings: fibril_precise_settings {
    var settings = fibril_precise_settings()
    settings.task = filter.task ?? 0
    settings.fibril = filter.fibril ?? 0
    settings.reasons = filter.reasons?.reduce(0) { $0 | (1 as UInt64) << UInt64($1.rawValue) } ?? 0
    settings.kinds = filter.kinds?.reduce(0) { $0 | (1 as UInt32) << $1.record } ?? 0
    settings.stacks = stacks ? 1 : 0
    settings.wake_up_at = UInt32(clamping: ringBytes / 4)
    return settings
  }
}
