// The DWARF expressions that occur in call frame information: those of PLT entries, of signal frames
// and of functions that align their stack.
internal import CLibdw

enum ExpressionMachine {
  /// An expression in a row never needs more.
  private static let maximumOperations = 256
  private static let maximumDepth = 64

  /// The value on top at the end; nil where an operation is unknown or reads what cannot be read.
  static func value(
    of operations: [UnwindRow.Operation], _ registers: Registers, frameAddress: UInt64?,
    readStack: (UInt64) -> UInt64?
  ) -> UInt64? {
    guard operations.count <= maximumOperations else { return nil }
    var stack: [UInt64] = frameAddress.map { [$0] } ?? []
    for operation in operations {
      guard stack.count < maximumDepth else { return nil }
      switch Int(operation.code) {
      case let code where code >= DW_OP_lit0 && code <= DW_OP_lit31:
        stack.append(UInt64(code - DW_OP_lit0))
      case let code where code >= DW_OP_breg0 && code <= DW_OP_breg31:
        guard let value = registers.value(code - DW_OP_breg0) else { return nil }
        stack.append(value &+ operation.first)
      case DW_OP_const1u, DW_OP_const2u, DW_OP_const4u, DW_OP_const8u, DW_OP_constu, DW_OP_const1s, DW_OP_const2s,
        DW_OP_const4s, DW_OP_const8s, DW_OP_consts:
        stack.append(operation.first)
      case DW_OP_plus_uconst:
        guard let top = stack.popLast() else { return nil }
        stack.append(top &+ operation.first)
      case DW_OP_deref:
        guard let top = stack.popLast(), let value = readStack(top) else { return nil }
        stack.append(value)
      case DW_OP_call_frame_cfa:
        guard let frameAddress else { return nil }
        stack.append(frameAddress)
      case DW_OP_dup:
        guard let top = stack.last else { return nil }
        stack.append(top)
      case DW_OP_drop:
        guard stack.popLast() != nil else { return nil }
      case DW_OP_stack_value: break
      case let code:
        guard let right = stack.popLast(), let left = stack.popLast(), let value = binary(code, left, right) else {
          return nil
        }
        stack.append(value)
      }
    }
    return stack.last
  }

  private static func binary(_ code: Int, _ left: UInt64, _ right: UInt64) -> UInt64? {
    let signedLeft = Int64(bitPattern: left)
    let signedRight = Int64(bitPattern: right)
    return switch code {
    case DW_OP_plus: left &+ right
    case DW_OP_minus: left &- right
    case DW_OP_mul: left &* right
    case DW_OP_and: left & right
    case DW_OP_or: left | right
    case DW_OP_xor: left ^ right
    case DW_OP_shl: left << right
    case DW_OP_shr: left >> right
    case DW_OP_ge: signedLeft >= signedRight ? 1 : 0
    case DW_OP_gt: signedLeft > signedRight ? 1 : 0
    case DW_OP_le: signedLeft <= signedRight ? 1 : 0
    case DW_OP_lt: signedLeft < signedRight ? 1 : 0
    case DW_OP_eq: left == right ? 1 : 0
    case DW_OP_ne: left != right ? 1 : 0
    default: nil
    }
  }
}

extension Registers {
  /// A register's value, with the program counter under the number of the return address column.
  func value(_ register: Int) -> UInt64? {
    register == Architecture.x86_64.returnAddress && self[register] == nil ? pc : self[register]
  }
}
