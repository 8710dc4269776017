// The unwinder on stacks and rules made by hand.
import CLibdw
import Testing

@testable import Symbols

/// Words at addresses.
struct FakeStack {
  var words: [UInt64: UInt64] = [:]
  func read(_ address: UInt64) -> UInt64? { words[address] }
}

@Suite struct UnwinderTests {
  let unwinder = Unwinder(.x86_64)
  static let stackPointer = 7
  static let framePointer = 6

  func registers(pc: UInt64, sp: UInt64, fp: UInt64? = nil) -> Registers {
    var registers = Registers(pc: pc)
    registers[Self.stackPointer] = sp
    registers[Self.framePointer] = fp
    return registers
  }

  static let atEntry = UnwindRow(
    frameAddress: .register(stackPointer, offset: 8), returnAddress: .atFrameAddress(-8))
  static let withFrame = UnwindRow(
    frameAddress: .register(framePointer, offset: 16), returnAddress: .atFrameAddress(-8),
    registers: [.init(register: framePointer, rule: .atFrameAddress(-16))])
  static let bottom = UnwindRow(frameAddress: .register(stackPointer, offset: 8), returnAddress: .undefined)

  @Test func followsRulesToTheUndefinedReturnAddress() {
    // A leaf that pushed two registers, called by a function with a frame, called by the bottom.
    let leaf = UnwindRow(
      frameAddress: .register(Self.stackPointer, offset: 24), returnAddress: .atFrameAddress(-8),
      registers: [.init(register: 3, rule: .atFrameAddress(-16)), .init(register: 12, rule: .atFrameAddress(-24))])
    let rows: [UInt64: UnwindRow] = [0x100: leaf, 0x1ff: Self.withFrame, 0x2ff: Self.bottom]
    let stack = FakeStack(words: [
      0x1000: 0xcc, 0x1008: 0xbb, 0x1010: 0x200,
      0x1040: 0x1080, 0x1048: 0x300,
    ])
    let backtrace = unwinder.walk(
      from: registers(pc: 0x100, sp: 0x1000, fp: 0x1040), isExact: true, rows: { rows[$0] }, readStack: stack.read)
    #expect(
      backtrace
        == Backtrace(
          frames: [
            Frame(pc: 0x100, isExact: true), Frame(pc: 0x200, isExact: false), Frame(pc: 0x300, isExact: false),
          ], end: .bottom))
  }

  @Test func restoresRegistersThatALaterRuleNeeds() {
    // The caller's frame address hangs on rbx, which the leaf saved.
    let leaf = UnwindRow(
      frameAddress: .register(Self.stackPointer, offset: 16), returnAddress: .atFrameAddress(-8),
      registers: [.init(register: 3, rule: .atFrameAddress(-16))])
    let aligned = UnwindRow(frameAddress: .register(3, offset: 0), returnAddress: .atFrameAddress(-8))
    let rows: [UInt64: UnwindRow] = [0x100: leaf, 0x1ff: aligned, 0x2ff: Self.bottom]
    let stack = FakeStack(words: [0x1000: 0x1100, 0x1008: 0x200, 0x10f8: 0x300])
    let backtrace = unwinder.walk(
      from: registers(pc: 0x100, sp: 0x1000), isExact: true, rows: { rows[$0] }, readStack: stack.read)
    #expect(backtrace.frames.map(\.pc) == [0x100, 0x200, 0x300] && backtrace.end == .bottom)
  }

  @Test(arguments: [
    [0, 0, 0, 0, 0, 0xff, 0xd0],  // call *%rax
    [0, 0, 0, 0, 0x41, 0xff, 0xd4],  // call *%r12
    [0, 0, 0, 0, 0xff, 0x55, 0xf8],  // call *-8(%rbp)
    [0, 0xff, 0x15, 1, 2, 3, 4],  // call *table(%rip)
    [0, 0, 0xe8, 1, 2, 3, 4],  // call of a linkage table's entry
  ])
  func theFramePointerBehindACallThroughAPointer(instruction: [UInt8]) {
    let stack = FakeStack(words: [0x1000: 9, 0x1008: 0x9999, 0x1010: 0x1060, 0x1018: 0x6007, 0x1060: 0, 0x1068: 0x6007])
    let search = FramePointerSearch(
      functionStart: { _ in 0x5000 }, readCode: { address, _ in address == 0x6000 ? instruction : [] },
      readStack: stack.read)
    #expect(search.framePointer(registers(pc: 0x5010, sp: 0x1000)) == 0x1010)
    let noCall = FramePointerSearch(
      functionStart: { _ in 0x5000 }, readCode: { _, _ in [0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90] },
      readStack: stack.read)
    #expect(noCall.framePointer(registers(pc: 0x5010, sp: 0x1000)) == nil)
  }

  @Test func aRegisterThatWasPoppedHasItsValueBack() {
    // Between `pop %rbp` and `ret` the rules still say where rbp was.
    let epilogue = UnwindRow(
      frameAddress: .register(Self.stackPointer, offset: 8), returnAddress: .atFrameAddress(-8),
      registers: [.init(register: Self.framePointer, rule: .atFrameAddress(-16))])
    let rows: [UInt64: UnwindRow] = [0x100: epilogue, 0x1ff: Self.withFrame, 0x2ff: Self.bottom]
    let stack = FakeStack(words: [0x1000: 0x200, 0x1040: 0, 0x1048: 0x300])
    let backtrace = unwinder.walk(
      from: registers(pc: 0x100, sp: 0x1000, fp: 0x1040), isExact: true, rows: { rows[$0] }, readStack: stack.read)
    #expect(backtrace.frames.map(\.pc) == [0x100, 0x200, 0x300] && backtrace.end == .bottom)
  }

  @Test func aReturnAddressInARegister() {
    // As inside a context switch, which keeps it in rdx. The caller's rdx is another one.
    let switching = UnwindRow(frameAddress: .register(Self.stackPointer, offset: 16), returnAddress: .register(1))
    var sampled = registers(pc: 0x100, sp: 0x1000)
    sampled[1] = 0x200
    let rows: [UInt64: UnwindRow] = [0x100: switching, 0x1ff: switching]
    let backtrace = unwinder.walk(from: sampled, isExact: true, rows: { rows[$0] }, readStack: { _ in nil })
    #expect(backtrace.frames.map(\.pc) == [0x100, 0x200] && backtrace.end == .outsideStack)
  }

  @Test func fallsBackToFramePointers() {
    let stack = FakeStack(words: [0x1010: 0x1030, 0x1018: 0x200, 0x1030: 0, 0x1038: 0x300])
    let backtrace = unwinder.walk(
      from: registers(pc: 0x100, sp: 0x1000, fp: 0x1010), isExact: false, rows: { _ in nil }, readStack: stack.read)
    #expect(backtrace.frames.map(\.pc) == [0x100, 0x200, 0x300])
    #expect(backtrace.end == .bottom)
  }

  @Test func aReturnAddressBehindASignalFrameIsExact() {
    var signal = Self.atEntry
    signal.isSignalFrame = true
    let rows: [UInt64: UnwindRow] = [0xff: signal, 0x200: Self.bottom]
    let backtrace = unwinder.walk(
      from: registers(pc: 0x100, sp: 0x1000), isExact: false, rows: { rows[$0] },
      readStack: FakeStack(words: [0x1000: 0x200]).read)
    #expect(backtrace.frames == [Frame(pc: 0x100, isExact: false), Frame(pc: 0x200, isExact: true)])
    #expect(backtrace.end == .bottom)
  }

  /// As makecontext leaves it: the first function's return address is the very beginning of another one.
  @Test func aFunctionsBeginningThatNoCallLedToIsTheBottom() throws {
    let rows: [UInt64: UnwindRow] = [0x100: Self.atEntry, 0x200: Self.atEntry]
    let registers = registers(pc: 0x100, sp: 0x1000)
    let words: [UInt64] = [0x200, 0x7777, 0x8888]
    let expected = [Frame(pc: 0x100, isExact: true), Frame(pc: 0x200, isExact: true)]
    let backtrace = unwinder.walk(
      from: registers, isExact: true, rows: { rows[$0] }, readStack: { words[Int($0 - 0x1000) / 8] })
    #expect(backtrace == Backtrace(frames: expected, end: .bottom))
    var table = RowTable { rows[$0] }
    var frames: [Frame] = []
    let end = unsafe unwinder.walk(
      from: registers, isExact: true, rows: &table, stack: words.span.bytes, base: 0x1000, into: &frames)
    #expect(end == .bottom && frames == expected)
  }

  struct Stop: Sendable {
    var end: UnwindEnd
    var row: UnwindRow?
    var framePointer: UInt64?
    var words: [UInt64: UInt64]
  }

  @Test(arguments: [
    Stop(end: .outsideStack, row: atEntry, framePointer: 0, words: [:]),
    Stop(end: .outsideStack, row: nil, framePointer: 0x1010, words: [0x1010: 0]),
    Stop(end: .bottom, row: atEntry, framePointer: 0, words: [0x1000: 0]),
    Stop(end: .bottom, row: nil, framePointer: 0, words: [:]),
    Stop(end: .noRules, row: nil, framePointer: 0xff8, words: [:]),
    Stop(end: .noRules, row: nil, framePointer: 0x1011, words: [:]),
    Stop(end: .unknownRegister(6), row: withFrame, framePointer: nil, words: [:]),
    Stop(end: .unknownRegister(6), row: nil, framePointer: nil, words: [:]),
    Stop(
      end: .noProgress,
      row: UnwindRow(frameAddress: .register(stackPointer, offset: 0), returnAddress: .atFrameAddress(0)),
      framePointer: 0, words: [0x1000: 0x100]),
    Stop(
      end: .noProgress,
      row: UnwindRow(frameAddress: .register(stackPointer, offset: -64), returnAddress: .atFrameAddress(0)),
      framePointer: 0, words: [0xfc0: 0x200]),
  ])
  func saysWhyItStops(_ stop: Stop) {
    let backtrace = unwinder.walk(
      from: registers(pc: 0x100, sp: 0x1000, fp: stop.framePointer), isExact: true, rows: { _ in stop.row },
      readStack: { stop.words[$0] })
    #expect(backtrace.end == stop.end && backtrace.frames.count == 1)
  }

  @Test func aStackThatNeverEndsIsCutOff() {
    let backtrace = unwinder.walk(
      from: registers(pc: 0x100, sp: 0x1000, fp: 0), isExact: true, rows: { _ in Self.atEntry }, readStack: { $0 })
    #expect(backtrace.end == .tooDeep && backtrace.frames.count == Unwinder.maximumFrames)
  }

  @Test func theBackwardAddressSpaceEndsTheWalk() {
    let backtrace = unwinder.walk(
      from: registers(pc: 0x100, sp: .max - 7, fp: .max), isExact: true, rows: { _ in Self.atEntry },
      readStack: { _ in 0x200 })
    #expect(backtrace.end == .noProgress)
  }

  @Test func parkedRegistersLieAsTheSwitchLeftThem() throws {
    let words = Dictionary(uniqueKeysWithValues: (0..<7).map { (0x1000 + UInt64($0) * 8, UInt64($0) + 10) })
    let registers = try #require(Registers(savedAt: 0x1000, .x86_64) { words[$0] })
    #expect(registers.pc == 10 && registers[7] == 0x1038)
    #expect([15, 14, 13, 12, 3, 6].map { registers[$0] } == [11, 12, 13, 14, 15, 16])
    #expect(Registers(savedAt: 0x1008, .x86_64) { words[$0] } == nil)
  }

  @Test func expressionsOfPLTEntriesAreComputed() {
    // rsp + 8 + ((rip & 15 >= 11) << 3), as in every procedure linkage table.
    func operation(_ code: Int, _ first: UInt64 = 0) -> UnwindRow.Operation {
      UnwindRow.Operation(code: UInt8(code), first: first, second: 0)
    }
    let expression = [
      operation(DW_OP_breg0 + 7, 8), operation(DW_OP_breg0 + 16), operation(DW_OP_lit0 + 15), operation(DW_OP_and),
      operation(DW_OP_lit0 + 11), operation(DW_OP_ge), operation(DW_OP_lit0 + 3), operation(DW_OP_shl),
      operation(DW_OP_plus),
    ]
    for (pc, expected) in [(UInt64(0x100), UInt64(0x1008)), (0x10b, 0x1010)] {
      let registers = registers(pc: pc, sp: 0x1000)
      #expect(
        ExpressionMachine.value(of: expression, registers, frameAddress: nil, readStack: { _ in nil }) == expected)
    }
    for broken in [[operation(DW_OP_plus)], [operation(DW_OP_deref)], [operation(255)], [operation(DW_OP_breg0 + 1)]] {
      let registers = registers(pc: 0, sp: 0)
      #expect(ExpressionMachine.value(of: broken, registers, frameAddress: nil, readStack: { _ in nil }) == nil)
    }
  }

  @Test func theFramePointerIsFoundByTheCallThatLedHere() {
    // Function at 0x5000; a call of it lies at 0x6000..0x6005, and one of another at 0x7000.
    let code: [UInt64: [UInt8]] = [
      0x5ffe: [0, 0, 0xe8, 0xfb, 0xef, 0xff, 0xff], 0x6ffe: [0, 0, 0xe8, 0, 0, 0, 0],
    ]
    let stack = FakeStack(words: [
      0x1000: 0x1100, 0x1008: 0x7005,  // a stale frame of something else
      0x1010: 5, 0x1018: 0x6005,  // no frame pointer
      0x1020: 0x1060, 0x1028: 0x6005,
    ])
    let search = FramePointerSearch(
      functionStart: { _ in 0x5000 }, readCode: { address, _ in code[address] ?? [] }, readStack: stack.read)
    #expect(search.framePointer(registers(pc: 0x5010, sp: 0x1000)) == 0x1020)
    #expect(search.framePointer(registers(pc: 0x5010, sp: 0x1028)) == nil)

    let rows: [UInt64: UnwindRow] = [0x500f: Self.withFrame, 0x6004: Self.bottom]
    let backtrace = unwinder.walk(
      from: registers(pc: 0x5010, sp: 0x1000), isExact: false, rows: { rows[$0] }, readStack: stack.read,
      guess: search.framePointer)
    #expect(backtrace.frames == [Frame(pc: 0x5010, isExact: false), Frame(pc: 0x6005, isExact: false, isGuess: true)])
  }
}
