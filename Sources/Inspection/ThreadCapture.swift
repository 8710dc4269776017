// What is seen of a thread that runs a fibril: its registers, its stack, and the system call it is in.

/// What is known of a running thread's registers.
public struct ThreadRegisters: Equatable, Sendable {
  public var pc, stackPointer: UInt64
  /// All of them by their DWARF numbers; empty for a thread in the kernel that was not stopped.
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
  /// How the thread waits there.
  public var wait = ThreadWait()
}

/// How a thread waits in the kernel.
public struct ThreadWait: Equatable, Sendable {
  /// No signal wakes it, not even SIGKILL as a rule: state D.
  public var isUninterruptible = false
  /// For how long it has not been on a processor, in ns; nil where the kernel does not tell.
  public var nanoseconds: UInt64?
  /// The kernel's function that it waits in; empty where the kernel does not tell.
  public var channel = ""
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

extension ThreadCapture {
  /// nil: nothing was seen.
  public var stackPointer: UInt64? {
    switch self {
    case .onCPU(let registers, _), .inCall(_, let registers, _), .inKernel(_, let registers, _):
      registers.stackPointer
    case .unavailable: nil
    }
  }
}
