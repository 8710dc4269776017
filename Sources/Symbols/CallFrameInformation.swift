// One row of .eh_frame or .debug_frame, asked of libdw and turned into plain data.
internal import CLibdw
internal import Glibc

enum CallFrameInformation {
  /// More than any function's rules need.
  private static let maximumOperations = 256

  /// The rules at an address as linked; nil if there are none.
  static func row(
    _ rules: OpaquePointer, at address: UInt64, _ architecture: Architecture = .current
  ) -> UnwindRow? {
    var frame: OpaquePointer?
    guard unsafe dwarf_cfi_addrframe(rules, address, &frame) == 0, let frame = unsafe frame else { return nil }
    defer { unsafe free(UnsafeMutableRawPointer(frame)) }
    var isSignalFrame = false
    let returnColumn = unsafe dwarf_frame_info(frame, nil, nil, &isSignalFrame)
    guard returnColumn >= 0, let frameAddress = unsafe frameAddress(of: frame) else { return nil }
    var registers: [UnwindRow.RegisterRule] = []
    for register in architecture.preserved where register != Int(returnColumn) {
      let rule = unsafe rule(of: frame, register)
      // Compilers say nothing of a preserved register that stays the same, and libdw takes rbx, of
      // which nothing is said, for lost.
      if rule != .same, rule != .undefined { registers.append(UnwindRow.RegisterRule(register: register, rule: rule)) }
    }
    return UnwindRow(
      frameAddress: frameAddress, returnAddress: unsafe rule(of: frame, Int(returnColumn)), registers: registers,
      isSignalFrame: isSignalFrame)
  }

  private static func frameAddress(of frame: OpaquePointer) -> UnwindRow.FrameAddress? {
    var pointer: UnsafeMutablePointer<Dwarf_Op>?
    var count = 0
    guard unsafe dwarf_frame_cfa(frame, &pointer, &count) == 0 else { return nil }
    let operations = unsafe operations(pointer, count)
    if operations.count == 1, let (register, offset) = registerAndOffset(operations[0]) {
      return .register(register, offset: offset)
    }
    return operations.isEmpty ? nil : .expression(operations)
  }

  private static func registerAndOffset(_ operation: UnwindRow.Operation) -> (Int, Int64)? {
    let code = Int(operation.code)
    if code == DW_OP_bregx { return (Int(clamping: operation.first), Int64(bitPattern: operation.second)) }
    guard code >= DW_OP_breg0, code <= DW_OP_breg31 else { return nil }
    return (code - DW_OP_breg0, Int64(bitPattern: operation.first))
  }

  /// libdw gives every rule as a location expression; the common ones are told by their form.
  private static func rule(of frame: OpaquePointer, _ register: Int) -> UnwindRow.Rule {
    var pointer: UnsafeMutablePointer<Dwarf_Op>?
    var count = 0
    return unsafe withUnsafeTemporaryAllocation(of: Dwarf_Op.self, capacity: 3) { memory in
      guard unsafe dwarf_frame_register(frame, Int32(register), memory.baseAddress!, &pointer, &count) == 0 else {
        return .undefined
      }
      if count == 0 { return unsafe pointer == nil ? .same : .undefined }
      return simplified(unsafe operations(pointer, count))
    }
  }

  private static func simplified(_ operations: [UnwindRow.Operation]) -> UnwindRow.Rule {
    var rest = operations[...]
    let isValue = rest.last.map { Int($0.code) == DW_OP_stack_value } ?? false
    if isValue { rest = rest.dropLast() }
    if let only = rest.first, rest.count == 1, !isValue {
      let code = Int(only.code)
      if code == DW_OP_regx { return .register(Int(clamping: only.first)) }
      if code >= DW_OP_reg0, code <= DW_OP_reg31 { return .register(code - DW_OP_reg0) }
    }
    if let first = rest.first, Int(first.code) == DW_OP_call_frame_cfa {
      if rest.count == 1 { return isValue ? .isFrameAddress(0) : .atFrameAddress(0) }
      if let second = rest.dropFirst().first, rest.count == 2, Int(second.code) == DW_OP_plus_uconst {
        let offset = Int64(bitPattern: second.first)
        return isValue ? .isFrameAddress(offset) : .atFrameAddress(offset)
      }
    }
    return isValue ? .isExpression(Array(rest)) : .atExpression(Array(rest))
  }

  /// Safe: libdw says how many operations there are.
  private static func operations(_ pointer: UnsafeMutablePointer<Dwarf_Op>?, _ count: Int) -> [UnwindRow.Operation] {
    guard let pointer = unsafe pointer, count <= maximumOperations else { return [] }
    return (0..<count).map { index in
      let operation = unsafe pointer[index]
      return UnwindRow.Operation(code: operation.atom, first: operation.number, second: operation.number2)
    }
  }
}
