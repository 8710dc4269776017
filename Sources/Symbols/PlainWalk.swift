// The walk that nearly all frames take, made for a hundred thousand stacks: rules that are plain data,
// applied to the registers in place, and nothing allocated or counted on the way.

extension RawSpan {
  /// The 64-bit word at an address, of bytes that begin at `base`; nil if it lies elsewhere.
  @inline(__always)
  func word(at address: UInt64, base: UInt64) -> UInt64? {
    let offset = address &- base
    guard byteCount >= 8, offset <= UInt64(byteCount - 8) else { return nil }
    // Safe: the place was checked, and every pattern of bits is a number.
    return unsafe unsafeLoadUnaligned(fromUncheckedByteOffset: Int(truncatingIfNeeded: offset), as: UInt64.self)
  }
}

extension Unwinder {
  /// The same walk as `walk(from:isExact:rows:readStack:)`, through bytes that begin at `base`. `frames`
  /// is emptied first.
  func walk(
    from start: Registers, isExact: Bool, rows: inout RowTable, stack: RawSpan, base: UInt64,
    into frames: inout [Frame]
  ) -> UnwindEnd {
    var registers = start
    var frame = Frame(pc: start.pc, isExact: isExact)
    frames.removeAll(keepingCapacity: true)
    while frames.count < Self.maximumFrames {
      let row = rows.row(at: frame.place)
      if row.kind == .none, !frame.isExact, rows.row(at: frame.pc).kind != .none {
        frames.append(frame.asBeginning)
        return .bottom
      }
      frames.append(frame)
      if row.kind == .offsets {
        if let end = registers.apply(row, architecture, stack, base) { return end }
      } else if row.kind == .bottom {
        let stackPointer = architecture.stackPointer
        return registers[stackPointer] == nil ? .unknownRegister(stackPointer) : .bottom
      } else {
        switch caller(of: registers, rows.full(row), { stack.word(at: $0, base: base) }) {
        case .end(let end): return end
        case .caller(let next): registers = next
        }
      }
      frame = Frame(pc: registers.pc, isExact: row.isSignalFrame)
    }
    return .tooDeep
  }
}

extension Registers {
  /// Becomes the caller's, as `Unwinder.caller` has it; or says why not, and is of no use any more.
  fileprivate mutating func apply(
    _ row: PlainRow, _ architecture: Architecture, _ stack: RawSpan, _ base: UInt64
  ) -> UnwindEnd? {
    guard let stackPointer = self[architecture.stackPointer] else {
      return .unknownRegister(architecture.stackPointer)
    }
    guard let frameRegister = self[Int(row.frameRegister)] else { return .unknownRegister(Int(row.frameRegister)) }
    let frameAddress = frameRegister &+ UInt64(bitPattern: Int64(row.frameOffset))
    keepPreserved(architecture)
    for index in 0..<Int(row.saved) {
      let place = frameAddress &+ UInt64(bitPattern: Int64(row.savedOffsets[index]))
      // Popped already: it has its value back.
      if place >= stackPointer { self[Int(row.savedRegisters[index])] = stack.word(at: place, base: base) }
    }
    self[architecture.stackPointer] = frameAddress
    self[architecture.returnAddress] = nil
    guard let next = stack.word(at: frameAddress &+ UInt64(bitPattern: Int64(row.returnOffset)), base: base) else {
      return .outsideStack
    }
    if next == 0 { return .bottom }
    guard frameAddress > stackPointer || frameAddress == stackPointer && next != pc else { return .noProgress }
    pc = next
    return nil
  }
}
