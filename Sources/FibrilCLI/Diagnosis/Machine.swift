// What this machine allows, each thing tried as it will be used.
internal import CSystemCalls
internal import Glibc
internal import TraceEvents

/// One thing that was looked at.
struct Finding {
  enum Need {
    /// Without it a command does not work at all.
    case tracing, dumping
    /// Without it something costs more, or less is seen.
    case optional
    /// It matters to programs that use the library.
    case runtime
  }

  var name: String
  var need: Need
  var isThere: Bool
  /// What was found.
  var detail: String
  /// What to do if it is missing.
  var remedy: String
}

/// Looks at the machine this runs on, as the user it runs as.
enum Machine {
  static func findings() -> [Finding] {
    [kernel, typeInformation, capabilities] + programs + [registers, memory] + optional + runtime
  }

  private static let rightsRemedy = "run as root, or grant CAP_BPF, CAP_PERFMON and CAP_SYS_PTRACE"

  private static var kernel: Finding {
    var name = utsname()
    unsafe uname(&name)
    // Safe: the kernel's text is NUL-terminated.
    let release = unsafe withUnsafeBytes(of: name.release) {
      unsafe String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
    }
    let numbers = release.split { !$0.isNumber }.prefix(2).compactMap { Int($0) }
    let isRecent = numbers.count == 2 && (numbers[0], numbers[1]) >= (5, 8)
    return Finding(
      name: "kernel", need: .tracing, isThere: isRecent, detail: release, remedy: "use Linux 5.8 or later")
  }

  private static let typeInformationPath = "/sys/kernel/btf/vmlinux"

  private static var typeInformation: Finding {
    Finding(
      name: "BTF", need: .tracing, isThere: unsafe access(typeInformationPath, R_OK) == 0, detail: typeInformationPath,
      remedy: "use a kernel built with CONFIG_DEBUG_INFO_BTF, and mount /sys")
  }

  private static var capabilities: Finding {
    // Bits by linux/capability.h; CAP_SYS_ADMIN stands for the first two.
    let wanted: [(name: String, bit: UInt64)] = [("CAP_BPF", 39), ("CAP_PERFMON", 38), ("CAP_SYS_PTRACE", 19)]
    let effective = effectiveCapabilities
    let isAdministrator = effective & (1 << 21) != 0
    let missing = wanted.filter { effective & (1 << $0.bit) == 0 && !(isAdministrator && $0.bit >= 38) }
    return Finding(
      name: "capabilities", need: .tracing, isThere: missing.isEmpty,
      detail: missing.isEmpty ? wanted.map(\.name).joined(separator: ", ") : "no " + list(missing.map(\.name)),
      remedy: rightsRemedy)
  }

  private static var effectiveCapabilities: UInt64 {
    let line = text(of: "/proc/self/status").split(separator: "\n").first { $0.hasPrefix("CapEff:") }
    return line.flatMap { UInt64($0.split(whereSeparator: \.isWhitespace).last ?? "", radix: 16) } ?? 0
  }

  private static var programs: [Finding] {
    let multi = fibril_probe_uprobe_multi()
    // Without it each probe becomes a perf event of its own, for which CAP_BPF and CAP_PERFMON do not do.
    let isReplaceable = multi != -EPERM && effectiveCapabilities & (1 << 21) != 0
    return [
      probe(
        "BPF programs", .tracing, fibril_probe_bpf_program(), "loaded one",
        "use a kernel built with CONFIG_BPF_SYSCALL"),
      probe(
        "uprobe_multi", isReplaceable ? .optional : .tracing, multi, "one link for all probes",
        "use Linux 6.6 or later; until then tracing needs CAP_SYS_ADMIN and attaches more slowly"),
      probe(
        "exact batches", .optional, unsafe fibril_probe_kernel_function("bpf_probe_read_user_dynptr"),
        "bpf_probe_read_user_dynptr",
        "use Linux 6.16 or later; until then each batch takes as much of the ring as the largest"),
    ]
  }

  /// perf_event_paranoid 2 still lets a process sample its own user's threads.
  private static var registers: Finding {
    let paranoia = firstWord(of: "/proc/sys/kernel/perf_event_paranoid") ?? "unknown"
    return probe(
      "thread samples", .optional, fibril_probe_thread_sample(), "perf_event_paranoid is \(paranoia)",
      "sysctl kernel.perf_event_paranoid=2, or grant CAP_PERFMON; until then running fibrils are dumped without stacks")
  }

  /// Yama's ptrace_scope decides whether a process may read others of the same user.
  private static var memory: Finding {
    let scope = firstWord(of: "/proc/sys/kernel/yama/ptrace_scope")
    let mayTraceAll = effectiveCapabilities & (1 << 19) != 0
    let detail = scope.map { "ptrace_scope is \($0)" } ?? "no ptrace_scope here"
    return Finding(
      name: "other memory", need: .dumping, isThere: mayTraceAll || (Int(scope ?? "0") ?? 0) == 0,
      detail: mayTraceAll ? detail + ", CAP_SYS_PTRACE" : detail + ", processes of the same user only",
      remedy: "sysctl kernel.yama.ptrace_scope=0, run as root, or grant CAP_SYS_PTRACE")
  }

  private static var optional: [Finding] {
    let source = firstWord(of: "/sys/devices/system/clocksource/clocksource0/current_clocksource") ?? "unknown"
    return [
      Finding(
        name: "clock", need: .optional, isThere: source == "tsc" || source == "arch_sys_counter", detail: source,
        remedy: "tracing works, but each event costs 16 ns more to stamp")
    ]
  }

  private static var runtime: [Finding] {
    [
      probe(
        "io_uring", .runtime, fibril_probe_io_uring(), "set up a ring",
        "sysctl kernel.io_uring_disabled=0, or allow it in the container; until then calls run on helper threads"),
      probe(
        "guard pages", .runtime, fibril_probe_guard_pages(), "MADV_GUARD_INSTALL",
        "use Linux 6.13 or later; until then raise vm.max_map_count for more than 32,000 fibrils"),
    ]
  }

  /// `result` is 0 or -errno.
  private static func probe(
    _ name: String, _ need: Finding.Need, _ result: Int32, _ detail: String, _ remedy: String
  ) -> Finding {
    let cause = result == 0 ? detail : unsafe String(cString: strerror(-result))
    let remedy = need == .tracing && result == -EPERM ? rightsRemedy : remedy
    return Finding(name: name, need: need, isThere: result == 0, detail: cause, remedy: remedy)
  }

  private static func list(_ names: [String]) -> String {
    names.count < 2 ? names.joined() : names.dropLast().joined(separator: ", ") + " and " + names.last!
  }

  private static func firstWord(of path: String) -> String? {
    text(of: path).split(whereSeparator: \.isWhitespace).first.map(String.init)
  }

  /// The first 64 KiB of a file; empty if it cannot be read.
  private static func text(of path: String) -> String { contentsOfProcFile(path, limit: 1 << 16) ?? "" }
}
