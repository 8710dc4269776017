// A live process as it was at one moment: stopped, copied, and let go before anybody works on the copy.
internal import CSystemCalls
public import TraceEvents

/// For how long a process was stopped.
public struct StopAccount: Equatable, Sendable {
  /// From the first thread's stop until the last one went on.
  public var nanoseconds: UInt64
  /// Threads that did not stop, as they slept uninterruptibly: what they share with the others may have
  /// changed.
  public var unstopped: [Int32]
}

/// A process as it was while all its threads stood still. It runs on by now.
public struct FrozenProcess: InspectedProcess {
  let process: ProcessInspector
  private var inspection: Inspection
  private var copies: [FibrilCopies] = []
  private var runningFibrils: [UInt64: UInt64] = [:]
  private var captures: [UInt32: ThreadCapture] = [:]
  private var unused: [UInt64: UInt64] = [:]
  /// For how long it was stopped.
  public private(set) var stop: StopAccount?

  /// Stacks that are kept, all together, in bytes. They are copied while the process stands still, and
  /// walked when it runs again.
  private static let maximumStackBytes = 1 << 30

  /// Stops the process, copies all that is wanted, and lets it go on. Throws if it cannot be stopped.
  public init(_ process: ProcessInspector, wants: FibrilCopies.Wanted) throws(InspectionError) {
    self.process = process
    let stop = try ProcessStop(processID: process.processID)
    let threads = stop.threads
    var copies: [FibrilCopies] = []
    var bytesLeft = Self.maximumStackBytes
    var leftOut = 0
    inspection = process.readStill(wants: wants) { _, lent in
      var copy = lent
      if let stack = lent.stack {
        let isSmall = stack.bytes.count <= bytesLeft
        copy.stack = isSmall ? StackCopy(address: stack.address, bytes: Array(stack.bytes)[...]) : nil
        if isSmall { bytesLeft -= stack.bytes.count } else { leftOut += 1 }
      }
      copies.append(copy)
    }
    self.copies = copies
    if leftOut > 0 {
      inspection.problems.append("the stacks of \(leftOut) fibrils were left out: all together are too large to keep")
    }
    runningFibrils = process.running()
    for task in inspection.snapshot.tasks where task.running != 0 {
      captures[task.threadID] = Self.capture(task.threadID, of: process, threads, wants.pointed)
    }
    settleRunning()
    let stacks = inspection.snapshot.fibrils.filter { !$0.stack.isEmpty && !$0.isCall && wants.stacks($0) }.map(\.stack)
    for (stack, bytes) in zip(stacks, process.neverUsed(stacks)) { unused[stack.lowerBound] = bytes }
    let unstopped = threads.values.filter { $0.state == FIBRIL_STOP_RUNNING.rawValue }.map(\.tid).sorted()
    self.stop = StopAccount(nanoseconds: stop.thaw(), unstopped: unstopped)
  }

  private mutating func settleRunning() {
    var stackPointers: [UInt64: UInt64] = [:]
    for task in inspection.snapshot.tasks where task.running != 0 {
      stackPointers[task.task] = captures[task.threadID]?.stackPointer
    }
    for index in inspection.snapshot.settleRunning(stackPointers) {
      copies[index].stack = nil
      let fibril = inspection.snapshot.fibrils[index]
      runningFibrils[fibril.task] = fibril.fibril
    }
  }

  private static func capture(
    _ threadID: UInt32, of process: ProcessInspector, _ threads: [Int32: fibril_stopped_thread],
    _ pointed: PointedRanges
  ) -> ThreadCapture {
    guard let outside = process.outsideID(ofThread: threadID), let thread = threads[outside],
      thread.state == FIBRIL_STOP_STOPPED.rawValue
    else { return process.capture(threadID: threadID, pointed: pointed) }
    let registers = ThreadRegisters(thread.registers)
    let stack = process.stack(from: registers.stackPointer)
    if thread.in_group_stop { return .inKernel(isStopped: true, registers, stack) }
    // Stopped threads keep the arguments of the call they were in.
    let files = ThreadFiles(processID: process.processID, threadID: outside)
    guard thread.call >= 0, case .success(.call(let number, let arguments, _, _)) = files.systemCall() else {
      return .onCPU(registers, stack)
    }
    let bytes = process.memory.read(pointed: [pointed(number, arguments)])[0]
    return .inCall(ThreadCall(number: number, arguments: arguments, pointed: bytes), registers, stack)
  }

  public var processID: Int32 { process.processID }
  public var command: String { process.command }
  public var map: MemoryMap { process.map }
  public var modules: [Module] { process.modules }

  /// Of the process as it is by now: good for its code, which does not change.
  public func copies(of ranges: [Range<UInt64>]) -> MemoryCopy { process.copies(of: ranges) }

  /// What was read while it stood still, whatever is wanted now.
  public func read(wants: FibrilCopies.Wanted, onFibril: (FibrilSnapshot, FibrilCopies) -> Void) -> Inspection {
    for (snapshot, copies) in zip(inspection.snapshot.fibrils, copies) { onFibril(snapshot, copies) }
    return inspection
  }

  public func running() -> [UInt64: UInt64] { runningFibrils }

  public func descriptorName(_ descriptor: Int32) -> [UInt8]? { process.descriptorName(descriptor) }

  public func capture(threadID: UInt32, pointed: PointedRanges) -> ThreadCapture {
    captures[threadID] ?? .unavailable("it ran no fibril")
  }

  public func neverUsed(_ stacks: [Range<UInt64>]) -> [UInt64?] { stacks.map { unused[$0.lowerBound] } }
}

extension ProcessSnapshot {
  /// A thread may have been stopped in the midst of a switch. Then the fibril whose stack it is on runs;
  /// the context of the other one is saved, whatever its entry says. A thread on nobody's stack tells
  /// nothing: it may be in a signal handler that has a stack of its own. Takes the stack pointers of tasks
  /// and returns the indices of the fibrils that they are in.
  mutating func settleRunning(_ stackPointers: [UInt64: UInt64]) -> [Int] {
    func isOn(_ fibril: FibrilSnapshot) -> Bool { stackPointers[fibril.task].map(fibril.stack.contains) ?? false }
    let current = fibrils.indices.filter { isOn(fibrils[$0]) }
    let settled = Set(current.map { fibrils[$0].task })
    for index in fibrils.indices where fibrils[index].state == .running && settled.contains(fibrils[index].task) {
      if !fibrils[index].stack.isEmpty { fibrils[index].state = .runnable }
    }
    for index in current {
      fibrils[index].state = .running
      fibrils[index].reason = .none
    }
    return current
  }
}
