// A thread's registers as far as they are known, by their DWARF numbers.

/// What the unwinder has to know of a processor.
public struct Architecture: Equatable, Sendable {
  /// DWARF numbers.
  var stackPointer, framePointer, returnAddress: Int
  /// The registers that a callee must preserve, the frame pointer among them.
  var preserved: [Int]
  /// The same as bits, and the stack pointer's.
  var preservedMask: UInt32

  /// Where the code goes on lies this far above a frame pointer, the caller's stack that far.
  static let returnAddressOffset: UInt64 = 8
  static let frameBytes: UInt64 = 16

  private init(stackPointer: Int, framePointer: Int, returnAddress: Int, preserved: [Int]) {
    self.stackPointer = stackPointer
    self.framePointer = framePointer
    self.returnAddress = returnAddress
    self.preserved = preserved
    preservedMask = preserved.reduce(1 << UInt32(stackPointer)) { $0 | 1 << UInt32($1) }
  }

  /// System V ABI: rbx, rbp, r12 to r15 are preserved.
  public static let x86_64 = Architecture(
    stackPointer: 7, framePointer: 6, returnAddress: 16, preserved: [3, 6, 12, 13, 14, 15])
  /// AAPCS64: x19 to x28 and x29, the frame pointer, are preserved; x30 is the return address.
  public static let aarch64 = Architecture(
    stackPointer: 31, framePointer: 29, returnAddress: 30, preserved: Array(19...30))

  /// What programmers call a register.
  func name(ofRegister register: Int) -> String {
    guard self == .x86_64 else { return "x\(register)" }
    let names = ["rax", "rdx", "rcx", "rbx", "rsi", "rdi", "rbp", "rsp"]
    return names.indices.contains(register) ? names[register] : "r\(register)"
  }

  #if arch(x86_64)
    /// Of the machine this runs on.
    public static let current = x86_64
  #else
    /// Of the machine this runs on.
    public static let current = aarch64
  #endif
}

/// Registers of one frame.
public struct Registers: Sendable {
  /// The next instruction, or where a call returns to.
  public var pc: UInt64
  // One for each DWARF number that is used: walks copy these values once a frame.
  #if arch(x86_64)
    var values = InlineArray<17, UInt64>(repeating: 0)
  #else
    var values = InlineArray<32, UInt64>(repeating: 0)
  #endif
  /// A bit for each register whose value is known.
  var known: UInt32 = 0

  /// Nothing but the program counter is known.
  public init(pc: UInt64) { self.pc = pc }

  /// By DWARF number; nil: unknown. Where it is not inlined, each look copies all of them.
  public subscript(register: Int) -> UInt64? {
    @inline(__always) get {
      values.indices.contains(register) && known & (1 << UInt32(register)) != 0 ? values[register] : nil
    }
    set {
      guard values.indices.contains(register) else { return }
      if let newValue {
        values[register] = newValue
        known |= 1 << UInt32(register)
      } else {
        known &= ~(1 << UInt32(register))
      }
    }
  }
}

extension Registers {
  /// The registers of a parked fibril, from what lies at its saved stack pointer (`enum
  /// fibril_context`). nil where the words cannot be read.
  public init?(savedAt stackPointer: UInt64, _ architecture: Architecture, readStack: (UInt64) -> UInt64?) {
    // x86-64: pc, r15, r14, r13, r12, rbx, rbp; aarch64: x29, x30 (pc), x19 to x28, d8 to d15.
    let isIntel = architecture == .x86_64
    let layout = isIntel ? [15, 14, 13, 12, 3, 6] : Array(19...28)
    guard let pc = readStack(stackPointer &+ (isIntel ? 0 : 8)) else { return nil }
    self.init(pc: pc)
    let first = stackPointer &+ (isIntel ? 8 : 16)
    for (index, register) in layout.enumerated() {
      guard let value = readStack(first &+ UInt64(index) * 8) else { return nil }
      self[register] = value
    }
    if !isIntel { self[architecture.framePointer] = readStack(stackPointer) }
    self[architecture.stackPointer] = stackPointer &+ (isIntel ? 56 : 160)
  }

  /// The stack pointer of this machine.
  public var stackPointer: UInt64? {
    get { self[Architecture.current.stackPointer] }
    set { self[Architecture.current.stackPointer] = newValue }
  }

  /// Forgets the registers that a callee may change.
  mutating func keepPreserved(_ architecture: Architecture) { known &= architecture.preservedMask }
}
