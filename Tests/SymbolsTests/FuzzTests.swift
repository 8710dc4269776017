// Stacks, rules and binaries that make no sense: whoever reads them comes to an end.
import CLibdw
import Foundation
import Testing

@testable import Symbols

@Suite struct FuzzTests {
  @Test func wildStacksAndRulesHaveAnEnd() {
    var random = Random(seed: 2026)
    let unwinder = Unwinder(.x86_64)
    for _ in 0..<10_000 {
      let stack = (0..<64).map { _ in Self.word(using: &random) }
      func read(_ address: UInt64) -> UInt64? {
        let offset = address &- 0x1000
        return offset % 8 == 0 && offset / 8 < 64 ? stack[Int(offset / 8)] : nil
      }
      func anywhere(_ address: UInt64) -> UInt64? {
        let offset = address &- 0x1000
        guard offset <= 63 * 8 else { return nil }
        let (word, shift) = (Int(offset / 8), (offset % 8) * 8)
        return shift == 0 ? stack[word] : stack[word] >> shift | stack[word + 1] << (64 - shift)
      }
      let rows = (0..<8).map { _ in Self.row(using: &random) }
      var registers = Registers(pc: Self.word(using: &random))
      registers[7] = Bool.random(using: &random) ? 0x1000 : Self.word(using: &random)
      registers[6] = Bool.random(using: &random) ? Self.word(using: &random) : nil
      let search = FramePointerSearch(
        functionStart: { $0 & ~0xff },
        readCode: { address, _ in address % 3 == 0 ? [0, 0xff, 0xe8, 0, 0, 0xff, 0xd0] : [] },
        readStack: read)
      let backtrace = unwinder.walk(
        from: registers, isExact: Bool.random(using: &random), rows: { rows[Int($0 % 8)] }, readStack: read,
        guess: search.framePointer)
      #expect((1...Unwinder.maximumFrames).contains(backtrace.frames.count))
      // The walk that is made for speed says the same of every stack.
      let isExact = Bool.random(using: &random)
      var table = RowTable { rows[Int($0 % 8)] }
      var frames: [Frame] = []
      let end = unsafe unwinder.walk(
        from: registers, isExact: isExact, rows: &table, stack: stack.span.bytes, base: 0x1000, into: &frames)
      let slow = unwinder.walk(from: registers, isExact: isExact, rows: { rows[Int($0 % 8)] }, readStack: anywhere)
      #expect(Backtrace(frames: frames, end: end) == slow)
    }
  }

  @Test func aDamagedBinaryNeverCrashes() throws {
    let program = try SymbolizerTests.Program()
    let sound = try [UInt8](Data(contentsOf: URL(filePath: program.path)))
    let base = try #require(program.addresses["_start"]) & ~0xfff
    var random = Random(seed: 2026)
    for round in 0..<1000 {
      var bytes = sound
      for _ in 0..<Int.random(in: 1...8, using: &random) {
        let place = Int.random(in: 0..<bytes.count, using: &random)
        bytes[place] = [0, 1, 0x7f, 0x80, 0xff, .random(in: 0...255, using: &random)].randomElement(using: &random)!
      }
      if round % 4 == 0 { bytes.removeLast(.random(in: 0..<bytes.count, using: &random)) }
      let path = program.folder.appending(path: "damaged").path
      try Data(bytes).write(to: URL(filePath: path))
      let symbolizer = Symbolizer(modules: [
        SymbolModule(name: "damaged", source: .file(path), base: base, addresses: base..<base + 0x1000)
      ])
      for address in program.addresses.values {
        _ = symbolizer.symbol(at: address)
        _ = symbolizer.row(at: address)
        _ = symbolizer.place(at: address)
      }
    }
  }

  private static func word(using random: inout Random) -> UInt64 {
    switch Int.random(in: 0..<6, using: &random) {
    case 0: 0
    case 1: .max - .random(in: 0..<32, using: &random)
    case 2: random.next()
    default: 0x1000 + 8 * .random(in: 0..<80, using: &random)
    }
  }

  private static func row(using random: inout Random) -> UnwindRow? {
    func operations() -> [UnwindRow.Operation] {
      (0..<Int.random(in: 0..<5, using: &random)).map { _ in
        let codes = [DW_OP_plus, DW_OP_deref, DW_OP_breg7, DW_OP_dup, DW_OP_shl, DW_OP_minus, DW_OP_constu, 0, 255]
        return .init(
          code: UInt8(codes.randomElement(using: &random)!), first: word(using: &random), second: 0)
      }
    }
    func rule() -> UnwindRow.Rule {
      let offset = Int64.random(in: -64...64, using: &random)
      return [
        .same, .undefined, .atFrameAddress(offset), .isFrameAddress(offset),
        .register(.random(in: -3...40, using: &random)),
        .atExpression(operations()), .isExpression(operations()), .atFrameAddress(.min), .atFrameAddress(-8),
      ].randomElement(using: &random)!
    }
    if Int.random(in: 0..<8, using: &random) == 0 { return nil }
    let frameAddress: UnwindRow.FrameAddress =
      Int.random(in: 0..<4, using: &random) == 0
      ? .expression(operations())
      : .register(
        [6, 7, 7, 3, 99, -1].randomElement(using: &random)!, offset: .random(in: -32...64, using: &random))
    return UnwindRow(
      frameAddress: frameAddress, returnAddress: rule(),
      registers: [6, 3, 12, 77].map { .init(register: $0, rule: rule()) },
      isSignalFrame: Bool.random(using: &random))
  }
}

/// The same numbers for the same seed (splitmix64).
struct Random: RandomNumberGenerator {
  private var state: UInt64
  init(seed: UInt64) { state = seed }
  mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var word = state
    word = (word ^ (word >> 30)) &* 0xbf58_476d_1ce4_e5b9
    word = (word ^ (word >> 27)) &* 0x94d0_49bb_1331_11eb
    return word ^ (word >> 31)
  }
}
