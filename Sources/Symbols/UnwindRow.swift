// One row of call frame information as plain data: how the caller's registers follow from a frame's.

/// What holds at one program counter.
public struct UnwindRow: Equatable, Sendable {
  /// The canonical frame address: the caller's stack pointer, as a rule.
  public enum FrameAddress: Equatable, Sendable {
    case register(Int, offset: Int64)
    case expression([Operation])
  }

  /// Where one of the caller's registers is.
  public enum Rule: Equatable, Sendable {
    case same
    /// It is lost. A lost return address means that there is no caller.
    case undefined
    /// In memory, this far from the frame address.
    case atFrameAddress(Int64)
    /// It is the frame address plus this.
    case isFrameAddress(Int64)
    case register(Int)
    /// In memory at the expression's value, computed with the frame address on the stack.
    case atExpression([Operation])
    case isExpression([Operation])
  }

  /// One operation of a DWARF expression.
  public struct Operation: Equatable, Sendable {
    /// DW_OP_*.
    public var code: UInt8
    public var first, second: UInt64
  }

  /// One register's rule.
  public struct RegisterRule: Equatable, Sendable {
    /// Its DWARF number.
    public var register: Int
    /// Where the caller finds it.
    public var rule: Rule
  }

  /// The caller's stack pointer.
  public var frameAddress: FrameAddress
  /// Where the caller goes on.
  public var returnAddress: Rule
  /// Registers that are not the same in the caller.
  public var registers: [RegisterRule]
  /// The caller was interrupted here, it did not call: its pc is no return address.
  public var isSignalFrame: Bool

  /// A row made by hand or by a reader of call frame information.
  public init(
    frameAddress: FrameAddress, returnAddress: Rule, registers: [RegisterRule] = [], isSignalFrame: Bool = false
  ) {
    self.frameAddress = frameAddress
    self.returnAddress = returnAddress
    self.registers = registers
    self.isSignalFrame = isSignalFrame
  }
}
