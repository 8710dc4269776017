// The frame pointer of a function whose stack pointer alone is known: searched for on the stack by
// the call that must have led to the function.

/// Searches a stack for the frame of the function that is under way.
public struct FramePointerSearch {
  /// No function's own frame is looked through further than this.
  private static let maximumBytes: UInt64 = 16 << 10

  private let functionStart: (UInt64) -> UInt64?
  private let readCode: (UInt64, Int) -> [UInt8]
  private let readStack: (UInt64) -> UInt64?

  /// `functionStart` gives the first address of the function at an address, `readCode` bytes of code
  /// (fewer where they cannot be read), `readStack` the 64-bit word at an address.
  public init(
    functionStart: @escaping (UInt64) -> UInt64?, readCode: @escaping (UInt64, Int) -> [UInt8],
    readStack: @escaping (UInt64) -> UInt64?
  ) {
    self.functionStart = functionStart
    self.readCode = readCode
    self.readStack = readStack
  }

  /// The lowest place above the stack pointer that looks like the function's frame: a saved frame
  /// pointer that leads upward, and above it a return address behind a direct call of this very
  /// function. x86-64 only.
  public func framePointer(_ registers: Registers) -> UInt64? {
    guard let stackPointer = registers[Architecture.x86_64.stackPointer], let start = functionStart(registers.pc &- 1)
    else { return nil }
    for place in stride(from: stackPointer, to: stackPointer &+ Self.maximumBytes, by: 8) {
      guard let saved = readStack(place), let pc = readStack(place &+ 8) else { return nil }
      guard saved == 0 || saved > place && saved % 8 == 0 && saved - place < 1 << 20, calls(start, before: pc) else {
        continue
      }
      return place
    }
    return nil
  }

  /// `e8` and a signed 32-bit distance from the address behind them.
  private func calls(_ start: UInt64, before pc: UInt64) -> Bool {
    guard pc > 5 else { return false }
    let code = readCode(pc - 5, 5)
    guard code.count == 5, code[0] == 0xe8 else { return false }
    let distance = (1...4).reduce(UInt32(0)) { $0 | UInt32(code[$1]) << (8 * UInt32($1 - 1)) }
    return pc &+ UInt64(bitPattern: Int64(Int32(bitPattern: distance))) == start
  }
}
