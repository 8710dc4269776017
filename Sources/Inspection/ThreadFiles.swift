// What the kernel's files under /proc/PID/task/TID say of a thread.
internal import CSystemCalls

/// One thread's files.
struct ThreadFiles {
  let processID, threadID: Int32

  private func path(_ name: String) -> String { "/proc/\(processID)/task/\(threadID)/\(name)" }

  private func text(_ name: String) -> String? {
    guard case .success(let text) = ProcFile.read(path(name)) else { return nil }
    return text
  }

  /// Where it is in the kernel, or that it is not.
  func systemCall() -> Result<SystemCallLine, ProcFile.Failure> {
    ProcFile.read(path("syscall")).map { SystemCallLine(text: $0) }
  }

  /// The state's letter; nil if there is no such thread any more.
  func state() -> Character? { statFields()?.first?.first }

  /// A number in its status: the last one of the line that begins with `field`.
  func status(_ field: String) -> Int32? {
    let line = text("status")?.split(separator: "\n").first { $0.hasPrefix(field + ":") }
    return line?.split(whereSeparator: \.isWhitespace).last.flatMap { Int32($0) }
  }

  /// How it waits, if it does.
  func wait() -> ThreadWait {
    var wait = ThreadWait()
    guard let fields = statFields() else { return wait }
    wait.isUninterruptible = fields[0] == "D"
    if let channel = text("wchan"), channel != "0" { wait.channel = channel }
    // Field 39 of the line: the processor that it last ran on.
    if fields.count > 36, let processor = Int(fields[36]) { wait.nanoseconds = idleTime(since: processor) }
    return wait
  }

  /// All fields from the state on. In front of it stands "ID (COMMAND) ", where COMMAND may hold anything.
  private func statFields() -> [Substring]? {
    guard let text = text("stat"), let end = text.lastIndex(of: ")") else { return nil }
    let fields = text[text.index(after: end)...].split(whereSeparator: \.isWhitespace)
    return fields.isEmpty ? nil : fields
  }

  /// For how long it has not run. The kernel notes when a thread last ran, by a clock that each processor
  /// has of its own and that stands still while the machine beneath has it do other work: so the present
  /// is asked for on the same processor, and the time may be a little longer than this.
  private func idleTime(since processor: Int) -> UInt64? {
    guard let then = Self.lastRun(path("sched")) else { return nil }
    var affinity = fibril_affinity()
    guard unsafe fibril_enter_processor(Int32(clamping: processor), &affinity) == 0 else { return nil }
    defer { unsafe fibril_leave_processor(&affinity) }
    guard let now = Self.lastRun("/proc/thread-self/sched"), now > then else { return nil }
    return now - then
  }

  /// In ns, by the clock of the processor that the thread ran on.
  private static func lastRun(_ path: String) -> UInt64? {
    // "se.exec_start    :    39262079.903290", in ms. Kernels without CONFIG_SCHED_DEBUG lack the file.
    guard case .success(let text) = ProcFile.read(path),
      let line = text.split(separator: "\n").first(where: { $0.hasPrefix("se.exec_start") }),
      let number = line.split(whereSeparator: { $0 == ":" || $0 == " " }).last
    else { return nil }
    let parts = number.split(separator: ".")
    guard parts.count == 2, parts[1].utf8.count == 6, let milliseconds = UInt64(parts[0]), let rest = UInt64(parts[1]),
      milliseconds < 1 << 43
    else { return nil }
    return milliseconds * 1_000_000 + rest
  }
}

/// The line in /proc/PID/task/TID/syscall.
enum SystemCallLine: Equatable {
  /// It runs, or waits for a processor.
  case running
  /// It is in a system call.
  case call(number: UInt32, arguments: [UInt64], stackPointer: UInt64, pc: UInt64)
  /// It is in the kernel for something else.
  case kernel(stackPointer: UInt64, pc: UInt64)
  case senseless

  /// "NUMBER ARGUMENT*6 SP PC", "-1 SP PC" outside of system calls, or "running".
  init(text: String) {
    guard !text.hasPrefix("running") else {
      self = .running
      return
    }
    let words = text.split(whereSeparator: \.isWhitespace)
    let numbers = words.dropFirst().compactMap { UInt64($0.dropFirst(2), radix: 16) }
    guard let first = words.first, let number = Int64(first), numbers.count == words.count - 1 else {
      self = .senseless
      return
    }
    switch numbers.count {
    case 8 where number >= 0:
      self = .call(
        number: UInt32(clamping: number), arguments: Array(numbers.prefix(6)), stackPointer: numbers[6],
        pc: numbers[7])
    case 2 where number < 0: self = .kernel(stackPointer: numbers[0], pc: numbers[1])
    default: self = .senseless
    }
  }
}
