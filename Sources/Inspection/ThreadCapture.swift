// The registers and the stack of a thread that runs a fibril, without stopping it: a perf sample if
// it is on the CPU, /proc/PID/task/TID/syscall if it is in the kernel.
internal import CSystemCalls
internal import Glibc

/// What is known of a running thread's registers.
public struct ThreadRegisters: Equatable, Sendable {
  public var pc, stackPointer: UInt64
  /// All of them by their DWARF numbers; empty for a thread in the kernel.
  public var values: [UInt64] = []
}

/// A system call that a thread is in.
public struct ThreadCall: Equatable, Sendable {
  /// Its number.
  public var number: UInt32
  /// All six, whether it takes as many or not.
  public var arguments: [UInt64]
  /// What they point at.
  public var pointed: [PointedBytes] = []
}

/// A running thread as it was seen at one moment.
public enum ThreadCapture: Sendable {
  case onCPU(ThreadRegisters, StackCopy)
  /// It is in the kernel for a system call.
  case inCall(ThreadCall, ThreadRegisters, StackCopy)
  /// It is in the kernel for something else: stopped by a signal or a debugger, or a page fault.
  case inKernel(isStopped: Bool, ThreadRegisters, StackCopy)
  /// Nothing could be seen, and why.
  case unavailable(String)
}

extension ProcessInspector {
  /// What is copied of a running thread's stack.
  private static let stackBytes: UInt64 = 64 << 10

  /// Looks at one of the process's threads, by its id as the process itself knows it.
  public func capture(threadID: UInt32, pointed: PointedRanges) -> ThreadCapture {
    guard let thread = outsideID(ofThread: threadID) else { return .unavailable("no such thread") }
    var cause = "it moves between the processor and the kernel too often"
    for _ in 0..<8 {
      switch ProcFile.read("/proc/\(processID)/task/\(thread)/syscall") {
      case .failure(let error):
        // Without it a thread on the CPU can still be sampled.
        cause = "cannot read its system call: \(unsafe String(cString: strerror(error.errno)))"
        if let capture = sample(thread, &cause) { return capture }
        return .unavailable(cause)
      case .success(let text) where text.hasPrefix("running"):
        if let capture = sample(thread, &cause) { return capture }
      case .success(let text):
        if let capture = kernelCapture(thread, text, pointed) { return capture }
      }
    }
    return .unavailable(cause)
  }

  /// nil, with the cause, if it was not on the CPU in time.
  private func sample(_ thread: Int32, _ cause: inout String) -> ThreadCapture? {
    var registers = fibril_thread_registers()
    var bytes = [UInt8](repeating: 0, count: Int(Self.stackBytes))
    // Safe: at most `bytes.count` bytes are written.
    let count = unsafe fibril_sample_thread(thread, 20, &registers, &bytes, bytes.count)
    switch Int32(-count) {
    case EACCES, EPERM:
      cause = "perf is not allowed; lower kernel.perf_event_paranoid to 2, or run with CAP_PERFMON"
      return nil
    case EAGAIN: return nil
    case let errno where errno > 0:
      cause = "cannot sample it: \(unsafe String(cString: strerror(errno)))"
      return nil
    default: break
    }
    #if arch(x86_64)
      let known = 16
      let stackPointer = 7
    #else
      let known = 32
      let stackPointer = 31
    #endif
    // Safe: the array of 32 words was filled as far as they are known on this machine.
    let values = unsafe withUnsafeBytes(of: registers.values) { words in
      (0..<known).map { unsafe words.load(fromByteOffset: $0 * 8, as: UInt64.self) }
    }
    return .onCPU(
      ThreadRegisters(pc: registers.pc, stackPointer: values[stackPointer], values: values),
      StackCopy(address: values[stackPointer], bytes: bytes[..<count]))
  }

  /// nil if it went on while its stack was copied.
  private func kernelCapture(
    _ thread: Int32, _ text: String, _ pointed: PointedRanges
  ) -> ThreadCapture? {
    // "NUMBER ARGUMENT*6 SP PC", or "-1 SP PC" outside of system calls.
    let words = text.split(whereSeparator: \.isWhitespace)
    func hexadecimal(_ word: Substring) -> UInt64? { UInt64(word.dropFirst(2), radix: 16) }
    guard let first = words.first, let number = Int64(first), words.count == (number < 0 ? 3 : 9) else { return nil }
    let numbers = words.dropFirst().compactMap(hexadecimal)
    guard numbers.count == words.count - 1 else { return nil }
    let stackPointer = numbers[numbers.count - 2]
    let registers = ThreadRegisters(pc: numbers[numbers.count - 1], stackPointer: stackPointer)
    // The stack ends where its mapping does: nothing behind that is asked for.
    let end = map.mapping(at: stackPointer)?.addresses.upperBound ?? stackPointer
    let range = stackPointer..<min(end, stackPointer + min(Self.stackBytes, UInt64.max - stackPointer))
    let copy = memory.read([range])
    let arguments = Array(numbers.prefix(6))
    let pointedBytes =
      number < 0 ? [] : memory.read(pointed: [pointed(UInt32(clamping: number), arguments)])[0]
    guard case .success(let again) = ProcFile.read("/proc/\(processID)/task/\(thread)/syscall"), again == text else {
      return nil
    }
    let stack = StackCopy(address: stackPointer, bytes: copy[0])
    guard number >= 0 else { return .inKernel(isStopped: isStopped(thread), registers, stack) }
    let call = ThreadCall(number: UInt32(clamping: number), arguments: arguments, pointed: pointedBytes)
    return .inCall(call, registers, stack)
  }

  private func isStopped(_ thread: Int32) -> Bool {
    guard case .success(let text) = ProcFile.read("/proc/\(processID)/task/\(thread)/stat") else { return false }
    // "ID (COMMAND) STATE ...", where COMMAND may hold anything.
    let state = text.split(separator: ") ").dropFirst().last?.first
    return state == "T" || state == "t"
  }

  /// A thread's id as this process sees it: they differ if the process lives in a PID namespace.
  private func outsideID(ofThread thread: UInt32) -> Int32? {
    guard let direct = Int32(exactly: thread), direct > 0 else { return nil }
    func insideID(_ candidate: Int32) -> Int32? {
      guard case .success(let status) = ProcFile.read("/proc/\(processID)/task/\(candidate)/status"),
        let line = status.split(separator: "\n").first(where: { $0.hasPrefix("NSpid:") })
      else { return nil }
      return line.split(whereSeparator: \.isWhitespace).last.flatMap { Int32($0) }
    }
    if insideID(direct) == direct { return direct }
    return ProcFile.names(in: "/proc/\(processID)/task").compactMap { Int32($0) }.first { insideID($0) == direct }
  }
}
