// Looking at a thread that runs a fibril without stopping it: a perf sample if it is on the CPU,
// /proc/PID/task/TID/syscall if it is in the kernel.
internal import CSystemCalls
internal import Glibc

extension ProcessInspector {
  /// What is copied of a running thread's stack.
  private static let stackBytes: UInt64 = 64 << 10

  /// Looks at one of the process's threads, by its id as the process itself knows it.
  public func capture(threadID: UInt32, pointed: PointedRanges) -> ThreadCapture {
    guard let thread = outsideID(ofThread: threadID) else { return .unavailable("no such thread") }
    let files = ThreadFiles(processID: processID, threadID: thread)
    var cause = "it moves between the processor and the kernel too often"
    for _ in 0..<8 {
      switch files.systemCall() {
      case .failure(let error):
        // Without it a thread on the CPU can still be sampled.
        cause = "cannot read its system call: \(unsafe String(cString: strerror(error.errno)))"
        if let capture = sample(thread, &cause) { return capture }
        return .unavailable(cause)
      case .success(.running):
        if let capture = sample(thread, &cause) { return capture }
      case .success(let line):
        if let capture = kernelCapture(files, line, pointed) { return capture }
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
      cause = """
        perf is not allowed; lower kernel.perf_event_paranoid to 2, run with CAP_PERFMON, or stop the process \
        with --stop
        """
      return nil
    case EAGAIN: return nil
    case let errno where errno > 0:
      cause = "cannot sample it: \(unsafe String(cString: strerror(errno)))"
      return nil
    default: break
    }
    let known = ThreadRegisters(registers)
    return .onCPU(known, StackCopy(address: known.stackPointer, bytes: bytes[..<count]))
  }

  /// nil if it went on while its stack was copied.
  private func kernelCapture(_ files: ThreadFiles, _ line: SystemCallLine, _ pointed: PointedRanges) -> ThreadCapture? {
    switch line {
    case .running, .senseless: return nil
    case .kernel(let stackPointer, let pc):
      let stack = stack(from: stackPointer)
      let state = files.state()
      guard case .success(line) = files.systemCall() else { return nil }
      return .inKernel(
        isStopped: state == "T" || state == "t", ThreadRegisters(pc: pc, stackPointer: stackPointer), stack)
    case .call(let number, let arguments, let stackPointer, let pc):
      let stack = stack(from: stackPointer)
      let bytes = memory.read(pointed: [pointed(number, arguments)])[0]
      let wait = files.wait()
      guard case .success(line) = files.systemCall() else { return nil }
      return .inCall(
        ThreadCall(number: number, arguments: arguments, pointed: bytes, wait: wait),
        ThreadRegisters(pc: pc, stackPointer: stackPointer), stack)
    }
  }

  /// The stack of a running thread. It ends where its mapping does: nothing behind that is asked for.
  func stack(from stackPointer: UInt64) -> StackCopy {
    let end = map.mapping(at: stackPointer)?.addresses.upperBound ?? stackPointer
    let copy = memory.read([stackPointer..<min(end, stackPointer + min(Self.stackBytes, UInt64.max - stackPointer))])
    return StackCopy(address: stackPointer, bytes: copy[0])
  }

  /// A thread's id as this process sees it: they differ if the process lives in a PID namespace.
  func outsideID(ofThread thread: UInt32) -> Int32? {
    guard let direct = Int32(exactly: thread), direct > 0 else { return nil }
    func insideID(_ candidate: Int32) -> Int32? {
      ThreadFiles(processID: processID, threadID: candidate).status("NSpid")
    }
    if insideID(direct) == direct { return direct }
    return ProcFile.names(in: "/proc/\(processID)/task").compactMap { Int32($0) }.first { insideID($0) == direct }
  }
}

extension ThreadRegisters {
  init(_ registers: fibril_thread_registers) {
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
    self.init(pc: registers.pc, stackPointer: values[stackPointer], values: values)
  }
}
