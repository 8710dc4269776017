// Turns the stacks of running threads into backtraces.
internal import CSystemCalls
internal import Inspection
internal import Symbols
internal import TraceEvents

/// Turns stacks of one process into backtraces.
struct StackWalker<Source: InspectedProcess> {
  private let source: Source
  private let symbolizer: Symbolizer
  private let unwinder = Unwinder()

  /// How often a task is looked at until all fibrils that ran when the table was read were seen.
  private static var tries: Int { 8 }

  init(_ source: Source, _ symbolizer: Symbolizer) {
    self.source = source
    self.symbolizer = symbolizer
  }

  /// Looks at the thread of fibrils that ran when the table was read. It is not stopped, so it may
  /// run another one by now: whose stack was seen is told by the stack pointer.
  func views(ofRunning fibrils: [FibrilSnapshot], on task: TaskSnapshot) -> [UInt64: StackView] {
    var views: [UInt64: StackView] = [:]
    var isElsewhere = false
    for _ in 0..<Self.tries where views.count < fibrils.count {
      let before = source.running()[task.task]
      let capture = source.capture(threadID: task.threadID, pointed: CallArguments.pointed)
      guard let stackPointer = capture.stackPointer else {
        for fibril in fibrils where views[fibril.fibril] == nil { views[fibril.fibril] = view(of: capture, fibril) }
        break
      }
      let isSteady = before == source.running()[task.task]
      let seen = fibrils.first { fibril in
        fibril.stack.isEmpty ? isSteady && before == fibril.fibril : fibril.stack.contains(stackPointer)
      }
      if let seen, views[seen.fibril] == nil { views[seen.fibril] = view(of: capture, seen) }
      isElsewhere = seen == nil && isSteady && fibrils.contains { $0.fibril == before }
    }
    if isElsewhere, let running = source.running()[task.task], views[running] == nil {
      views[running] = .hidden("its thread is on another stack, such as a signal handler's")
    }
    for fibril in fibrils where views[fibril.fibril] == nil { views[fibril.fibril] = .hidden("changed while read") }
    return views
  }

  private func view(of capture: ThreadCapture, _ fibril: FibrilSnapshot) -> StackView {
    switch capture {
    case .onCPU(let registers, let stack): .onCPU(walk(registers, stack, fibril))
    case .inCall(let call, let registers, let stack): .inCall(call, walk(registers, stack, fibril))
    case .inKernel(let isStopped, let registers, let stack):
      .inKernel(isStopped: isStopped, walk(registers, stack, fibril))
    case .unavailable(let cause): .hidden("registers not available: \(cause)")
    }
  }

  private func walk(_ thread: ThreadRegisters, _ stack: StackCopy, _ fibril: FibrilSnapshot) -> Backtrace {
    let backtrace = walk(thread, readStack: stack.word)
    guard backtrace.end == .outsideStack else { return backtrace }
    // A sample ends at the first page that is not there, such as one inside a large frame that was
    // never used. What lies above is read now, a moment later, so it counts as a guess.
    let rest = source.stack(from: stack.address &+ UInt64(stack.bytes.count), of: fibril)
    var longer = walk(thread) { stack.word(at: $0) ?? rest.word(at: $0) }
    for index in longer.frames.indices.dropFirst(backtrace.frames.count) { longer.frames[index].isGuess = true }
    return longer
  }

  private func walk(_ thread: ThreadRegisters, readStack: @escaping (UInt64) -> UInt64?) -> Backtrace {
    var registers = Registers(pc: thread.pc)
    for (number, value) in thread.values.enumerated() { registers[number] = value }
    registers.stackPointer = thread.stackPointer
    let search = FramePointerSearch(
      functionStart: { symbolizer.symbol(at: $0)?.address },
      readCode: { source.bytes(at: $0, count: $1) }, readStack: readStack)
    return unwinder.walk(
      from: registers, isExact: true, rows: symbolizer.row, readStack: readStack,
      guess: thread.values.isEmpty ? search.framePointer : nil)
  }
}

extension InspectedProcess {
  /// A few bytes of memory; fewer where they cannot be read.
  fileprivate func bytes(at address: UInt64, count: Int) -> [UInt8] {
    Range(address, bytes: UInt64(count)).map { Array(copies(of: [$0])[0]) } ?? []
  }

  /// What lies above an address of a fibril's stack by now, 64 KiB at most.
  fileprivate func stack(from address: UInt64, of fibril: FibrilSnapshot) -> StackCopy {
    let end = fibril.stack.isEmpty ? .max : fibril.stack.upperBound
    let count = address < end ? min(end - address, 64 << 10) : 0
    let copy = copies(of: [Range(address, bytes: count) ?? address..<address])
    return StackCopy(address: address, bytes: copy[0])
  }

  /// The modules as the symbolizer wants them, the vdso as a copy.
  func symbolModules() -> [SymbolModule] {
    var result = modules.map {
      SymbolModule(
        name: $0.name, source: $0.file.isEmpty ? .none : .file($0.file), base: $0.base, addresses: $0.addresses,
        roots: roots)
    }
    if let vdso = map.mappings.first(where: { $0.path == "[vdso]" }) {
      let bytes = Array(copies(of: [vdso.addresses])[0])
      // Safe: the bytes are only read.
      let descriptor = unsafe fibril_memory_file(bytes, bytes.count)
      if descriptor >= 0 {
        result.append(
          SymbolModule(
            name: vdso.path, source: .descriptor(descriptor), base: vdso.addresses.lowerBound,
            addresses: vdso.addresses))
      }
    }
    return result
  }
}
