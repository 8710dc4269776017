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
  /// function. Where there is none, a return address behind any call will do whose own frame again
  /// lies behind a call: functions are also called through pointers and linkage tables. x86-64 only.
  public func framePointer(_ registers: Registers) -> UInt64? {
    guard let stackPointer = registers[Architecture.x86_64.stackPointer], let start = functionStart(registers.pc &- 1)
    else { return nil }
    var plausible: UInt64?
    for place in stride(from: stackPointer, to: stackPointer &+ Self.maximumBytes, by: 8) {
      guard let saved = readStack(place), let pc = readStack(place &+ 8) else { break }
      guard saved == 0 || saved > place && saved % 8 == 0 && saved - place < 1 << 20 else { continue }
      switch call(before: pc) {
      case .direct(start): return place
      case .none: continue
      default: break
      }
      let isChained = saved == 0 || readStack(saved &+ 8).map { $0 == 0 || call(before: $0) != .none } ?? false
      if plausible == nil, isChained { plausible = place }
    }
    return plausible
  }

  private enum Call: Equatable {
    case none, indirect
    case direct(UInt64)
  }

  /// The call instruction that ends where `pc` begins.
  private func call(before pc: UInt64) -> Call {
    guard pc > 7 else { return .none }
    let code = readCode(pc - 7, 7)
    guard code.count == 7 else { return .none }
    // `e8` and a signed 32-bit distance from the address behind them.
    if code[2] == 0xe8 {
      let distance = (3...6).reduce(UInt32(0)) { $0 | UInt32(code[$1]) << (8 * UInt32($1 - 3)) }
      return .direct(pc &+ UInt64(bitPattern: Int64(Int32(bitPattern: distance))))
    }
    // `ff /2`: by a register, by memory at a register, with 8 bits or 32 bits of distance.
    func isIndirect(_ at: Int, _ modes: Set<UInt8>) -> Bool {
      code[at] == 0xff && code[at + 1] >> 3 & 7 == 2 && modes.contains(code[at + 1] >> 6)
    }
    return isIndirect(5, [0, 3]) || isIndirect(4, [1]) || isIndirect(1, [0, 2]) || isIndirect(0, [2])
      ? .indirect : .none
  }
}
