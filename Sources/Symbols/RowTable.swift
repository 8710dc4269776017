// Unwind rows by program counter, kept as plain data in a flat hash table: a walk looks one up a frame.

/// One row as plain data, or a word about why it is not.
struct PlainRow: BitwiseCopyable {
  enum Kind: UInt8, BitwiseCopyable {
    /// Nobody has asked yet.
    case missing
    /// There are no rules here.
    case none
    /// All registers lie at offsets from the frame address, which is a register and an offset.
    case offsets
    /// The stack's first frame.
    case bottom
    /// Anything else: the row itself is kept aside.
    case other
  }

  #if arch(x86_64)
    static let savedCount = 6
    typealias Offsets = InlineArray<6, Int32>
  #else
    static let savedCount = 12
    typealias Offsets = InlineArray<12, Int32>
  #endif

  var kind = Kind.missing
  var frameRegister: UInt8 = 0
  var isSignalFrame = false
  /// How many of `savedRegisters` there are.
  var saved: UInt8 = 0
  var frameOffset: Int32 = 0
  var returnOffset: Int32 = 0
  /// The row's number among those kept aside.
  var number: Int32 = 0
  /// DWARF numbers of registers that were saved, and where, from the frame address.
  var savedRegisters = InlineArray<12, UInt8>(repeating: 0)
  var savedOffsets = Offsets(repeating: 0)

  init() {}

  /// nil: it does not fit.
  init?(_ row: UnwindRow?) {
    guard let row else {
      kind = .none
      return
    }
    isSignalFrame = row.isSignalFrame
    if row.returnAddress == .undefined {
      kind = .bottom
      return
    }
    guard case .register(let register, let offset) = row.frameAddress,
      case .atFrameAddress(let place) = row.returnAddress,
      let frameRegister = UInt8(exactly: register), let frameOffset = Int32(exactly: offset),
      let returnOffset = Int32(exactly: place), row.registers.count <= Self.savedCount
    else { return nil }
    self.frameRegister = frameRegister
    self.frameOffset = frameOffset
    self.returnOffset = returnOffset
    for rule in row.registers {
      guard case .atFrameAddress(let place) = rule.rule, let offset = Int32(exactly: place),
        let register = UInt8(exactly: rule.register)
      else { return nil }
      savedRegisters[Int(saved)] = register
      savedOffsets[Int(saved)] = offset
      saved += 1
    }
    kind = .offsets
  }
}

/// Rows by address. An address is asked for once; its answer, none included, is kept.
public struct RowTable {
  private let source: (UInt64) -> UnwindRow?
  private var addresses: ContiguousArray<UInt64>
  private var rows: ContiguousArray<PlainRow>
  private var count = 0
  /// Rows that are not plain.
  private var others: [UnwindRow] = []

  /// `source` gives the rules that hold at an address; nil if there are none.
  public init(_ source: @escaping (UInt64) -> UnwindRow?) {
    self.source = source
    addresses = ContiguousArray(repeating: 0, count: 1024)
    rows = ContiguousArray(repeating: PlainRow(), count: 1024)
  }

  mutating func row(at address: UInt64) -> PlainRow {
    var slot = Self.slot(of: address, rows.count)
    while true {
      if rows[slot].kind == .missing { return add(address) }
      if addresses[slot] == address { return rows[slot] }
      slot = (slot + 1) & (rows.count - 1)
    }
  }

  /// The rules of a row that is not plain; nil if there are none.
  func full(_ row: PlainRow) -> UnwindRow? { row.kind == .other ? others[Int(row.number)] : nil }

  private mutating func add(_ address: UInt64) -> PlainRow {
    let full = source(address)
    var row = PlainRow()
    if let plain = PlainRow(full) {
      row = plain
    } else if let full {
      row.kind = .other
      row.isSignalFrame = full.isSignalFrame
      row.number = Int32(truncatingIfNeeded: others.count)
      others.append(full)
    }
    if count * 2 >= rows.count { grow() }
    insert(address, row)
    count += 1
    return row
  }

  private mutating func grow() {
    let old = (addresses, rows)
    addresses = ContiguousArray(repeating: 0, count: old.1.count * 2)
    rows = ContiguousArray(repeating: PlainRow(), count: old.1.count * 2)
    for index in old.1.indices where old.1[index].kind != .missing { insert(old.0[index], old.1[index]) }
  }

  private mutating func insert(_ address: UInt64, _ row: PlainRow) {
    var slot = Self.slot(of: address, rows.count)
    while rows[slot].kind != .missing { slot = (slot + 1) & (rows.count - 1) }
    addresses[slot] = address
    rows[slot] = row
  }

  /// `count` is a power of two.
  private static func slot(of address: UInt64, _ count: Int) -> Int {
    Int(truncatingIfNeeded: (address &* 0x9e37_79b9_7f4a_7c15) >> 32) & (count - 1)
  }
}
