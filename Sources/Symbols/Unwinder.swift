// The unwinder: registers in, the caller's registers out. It reads nothing itself; rows and stack are
// handed in, so it runs alike on live processes, core files and tests.

/// Where a frame's code is.
public struct Frame: Equatable, Hashable, Sendable {
  /// The next instruction: after a call, the one behind it.
  public var pc: UInt64
  /// Whether `pc` itself is the place, and not the call in front of it.
  public var isExact: Bool
  /// Found by searching the stack, not by rules: it may be wrong.
  public var isGuess: Bool

  /// A frame whose code goes on at `pc`.
  public init(pc: UInt64, isExact: Bool, isGuess: Bool = false) {
    self.pc = pc
    self.isExact = isExact
    self.isGuess = isGuess
  }

  /// An address inside the instruction that is under way.
  public var place: UInt64 { isExact ? pc : pc &- 1 }

  /// The stack's first frame where no call leads to `pc`: there are rules there, but none in front of it. So a
  /// function begins there, whose address was laid down for the first function to return to (makecontext does so).
  var asBeginning: Frame { Frame(pc: pc, isExact: true, isGuess: isGuess) }
}

/// Why an unwinder stopped.
public enum UnwindEnd: Equatable, Hashable, Sendable {
  /// The stack's first frame was reached.
  case bottom
  /// The frame address lies outside what could be read of the stack.
  case outsideStack
  /// Neither rules nor a frame pointer lead on from here.
  case noRules
  /// The rules need a register whose value is not known.
  case unknownRegister(Int)
  /// Neither the code address nor the stack pointer moved toward the stack's beginning.
  case noProgress
  case tooDeep

  /// What to print behind the last frame; nil: the stack is complete.
  public var note: String? {
    switch self {
    case .bottom: nil
    case .outsideStack: "the stack goes on where it could not be read"
    case .noRules: "no unwind rules for this code, and its frame pointer leads nowhere"
    case .unknownRegister(let register):
      "the rules need \(Architecture.current.name(ofRegister: register)), which is not known"
    case .noProgress: "the frame before this one is itself"
    case .tooDeep: "more frames follow"
    }
  }
}

/// Frames from the innermost on.
public struct Backtrace: Equatable, Hashable, Sendable {
  /// At least one.
  public var frames: [Frame]
  /// Why there are no more.
  public var end: UnwindEnd

  /// Frames that were walked by other means.
  public init(frames: [Frame], end: UnwindEnd) {
    self.frames = frames
    self.end = end
  }
}

/// Walks stacks of one architecture.
public struct Unwinder: Sendable {
  let architecture: Architecture
  /// A walk ends after as many frames.
  public static let maximumFrames = 512

  /// For code of this architecture.
  public init(_ architecture: Architecture = .current) { self.architecture = architecture }

  /// Walks from `registers` to the stack's beginning.
  ///
  /// `isExact`: the registers were sampled, their pc is not a return address. `rows` gives the rules
  /// that hold at an address, `readStack` the 64-bit word at one; both answer nil if there is none.
  /// `guess`, if given, is asked for the frame pointer where the rules need it and it is unknown.
  public func walk(
    from registers: Registers, isExact: Bool, rows: (UInt64) -> UnwindRow?, readStack: (UInt64) -> UInt64?,
    guess: ((Registers) -> UInt64?)? = nil
  ) -> Backtrace {
    var registers = registers
    var frame = Frame(pc: registers.pc, isExact: isExact)
    var frames: [Frame] = []
    while frames.count < Self.maximumFrames {
      let row = rows(frame.place)
      if row == nil, !frame.isExact, rows(frame.pc) != nil {
        frames.append(frame.asBeginning)
        return Backtrace(frames: frames, end: .bottom)
      }
      frames.append(frame)
      var step = caller(of: registers, row, readStack)
      if case .end(.unknownRegister(architecture.framePointer)) = step, let found = guess?(registers) {
        registers[architecture.framePointer] = found
        step = caller(of: registers, row, readStack)
        frame.isGuess = true
      }
      switch step {
      case .end(let end): return Backtrace(frames: frames, end: end)
      case .caller(let next):
        registers = next
        frame = Frame(pc: next.pc, isExact: row?.isSignalFrame ?? false, isGuess: frame.isGuess)
      }
    }
    return Backtrace(frames: frames, end: .tooDeep)
  }

  enum Step {
    case caller(Registers)
    case end(UnwindEnd)
  }

  /// The caller's registers, by rules where there are any, else by the frame pointer.
  func caller(of registers: Registers, _ row: UnwindRow?, _ readStack: (UInt64) -> UInt64?) -> Step {
    guard let stackPointer = registers[architecture.stackPointer] else {
      return .end(.unknownRegister(architecture.stackPointer))
    }
    guard let row else { return callerByFramePointer(of: registers, stackPointer, readStack) }
    if row.returnAddress == .undefined { return .end(.bottom) }
    guard let frameAddress = address(row.frameAddress, registers, readStack) else {
      if case .register(let register, _) = row.frameAddress { return .end(.unknownRegister(register)) }
      return .end(.noRules)
    }
    var next = registers
    next.keepPreserved(architecture)
    for register in row.registers {
      // In an epilogue a rule may still name a place below the stack pointer: the register was popped
      // from there and has its value back.
      if case .atFrameAddress(let offset) = register.rule,
        frameAddress &+ UInt64(bitPattern: offset) < stackPointer
      {
        continue
      }
      next[register.register] = value(register.rule, register.register, registers, frameAddress, readStack)
    }
    next[architecture.stackPointer] = frameAddress
    next[architecture.returnAddress] = nil
    guard
      let pc = value(row.returnAddress, architecture.returnAddress, registers, frameAddress, readStack)
    else { return .end(.outsideStack) }
    return checked(next, pc, after: registers, stackPointer)
  }

  private func callerByFramePointer(
    of registers: Registers, _ stackPointer: UInt64, _ readStack: (UInt64) -> UInt64?
  ) -> Step {
    guard let framePointer = registers[architecture.framePointer] else {
      return .end(.unknownRegister(architecture.framePointer))
    }
    if framePointer == 0 { return .end(.bottom) }
    guard framePointer >= stackPointer, framePointer % 8 == 0 else { return .end(.noRules) }
    guard let saved = readStack(framePointer), let pc = readStack(framePointer &+ Architecture.returnAddressOffset)
    else { return .end(.outsideStack) }
    var next = registers
    // What the function did to the other registers is not known.
    for register in architecture.preserved { next[register] = nil }
    next[architecture.framePointer] = saved
    next[architecture.stackPointer] = framePointer &+ Architecture.frameBytes
    return checked(next, pc, after: registers, stackPointer)
  }

  /// A return address of 0 is the stack's end. Stacks grow downward, so callers lie above; only a
  /// leaf without a frame (aarch64) may leave the stack pointer where it is.
  private func checked(_ caller: Registers, _ pc: UInt64, after: Registers, _ stackPointer: UInt64) -> Step {
    var caller = caller
    caller.pc = pc
    if pc == 0 { return .end(.bottom) }
    guard let above = caller[architecture.stackPointer], above > stackPointer || above == stackPointer && pc != after.pc
    else { return .end(.noProgress) }
    return .caller(caller)
  }

  private func address(
    _ rule: UnwindRow.FrameAddress, _ registers: Registers, _ readStack: (UInt64) -> UInt64?
  ) -> UInt64? {
    switch rule {
    case .register(let register, let offset): registers[register].map { $0 &+ UInt64(bitPattern: offset) }
    case .expression(let operations):
      ExpressionMachine.value(of: operations, registers, frameAddress: nil, readStack: readStack)
    }
  }

  private func value(
    _ rule: UnwindRow.Rule, _ register: Int, _ registers: Registers, _ frameAddress: UInt64,
    _ readStack: (UInt64) -> UInt64?
  ) -> UInt64? {
    switch rule {
    case .same: registers[register]
    case .undefined: nil
    case .atFrameAddress(let offset): readStack(frameAddress &+ UInt64(bitPattern: offset))
    case .isFrameAddress(let offset): frameAddress &+ UInt64(bitPattern: offset)
    case .register(let other): registers[other]
    case .atExpression(let operations):
      ExpressionMachine.value(of: operations, registers, frameAddress: frameAddress, readStack: readStack)
        .flatMap(readStack)
    case .isExpression(let operations):
      ExpressionMachine.value(of: operations, registers, frameAddress: frameAddress, readStack: readStack)
    }
  }
}
