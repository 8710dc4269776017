// Which calls were inlined at an address: a walk down the debug information of one function. All of it
// may be damaged, so depth and counts have limits.
internal import CLibdw

/// The functions of one compilation unit, by address.
struct InlineTree {
  private struct Function {
    var addresses: Range<UInt64>
    var entry: DebugEntry
  }

  private let unit: DebugEntry
  private var functions: [Function] = []

  /// Entries of one unit that are looked at: the largest units have some millions.
  private static let maximumEntries = 1 << 22
  /// Pieces of one function.
  private static let maximumPieces = 1 << 12
  /// Scopes inside scopes.
  private static let maximumDepth = 128
  /// Functions lie inside modules, namespaces and types.
  private static let maximumNesting = 16

  private static let containers: Set = [
    Int(DW_TAG_namespace), Int(DW_TAG_module), Int(DW_TAG_structure_type), Int(DW_TAG_class_type),
    Int(DW_TAG_union_type), Int(DW_TAG_enumeration_type),
  ]

  init(unit: DebugEntry) {
    self.unit = unit
    var left = Self.maximumEntries
    collect(from: unit, nesting: 0, &left)
    functions.sort { $0.addresses.lowerBound < $1.addresses.lowerBound }
  }

  private mutating func collect(from parent: DebugEntry, nesting: Int, _ left: inout Int) {
    var next = parent.firstChild
    while let entry = next, left > 0 {
      left -= 1
      let tag = entry.tag
      if tag == DW_TAG_subprogram {
        for addresses in entry.addresses(limit: min(left, Self.maximumPieces)) {
          left -= 1
          functions.append(Function(addresses: addresses, entry: entry))
        }
      } else if nesting < Self.maximumNesting, Self.containers.contains(tag) {
        collect(from: entry, nesting: nesting + 1, &left)
      }
      next = entry.sibling
    }
  }

  /// The place at an address as linked, without the line that is under way there.
  func place(at address: UInt64, line: SourceLine?) -> SourcePlace {
    // From the outside in: the line of each is where it calls the next; of the last, where it is.
    var names: [String] = []
    var lines: [SourceLine?] = []
    for call in calls(at: address) {
      lines.append(call.callLine(in: unit))
      names.append(call.linkageName ?? "-")
    }
    lines.append(line)
    let inlined = zip(names, lines.dropFirst()).map {
      InlinedCall(name: Demangling.readable($0), linkageName: $0, line: $1)
    }
    return SourcePlace(inlined: inlined.reversed(), line: lines[0])
  }

  /// The inlined calls at an address, the outermost first.
  private func calls(at address: UInt64) -> [DebugEntry] {
    var low = 0
    var high = functions.count
    while low < high {
      let middle = (low + high) / 2
      if functions[middle].addresses.upperBound <= address { low = middle + 1 } else { high = middle }
    }
    guard low < functions.count, functions[low].addresses.contains(address) else { return [] }
    var left = Self.maximumEntries
    var calls: [DebugEntry] = []
    var scope = functions[low].entry
    for _ in 0..<Self.maximumDepth {
      guard let inner = Self.scope(at: address, in: scope, &left) else { break }
      if inner.tag == DW_TAG_inlined_subroutine { calls.append(inner) }
      scope = inner
    }
    return calls
  }

  private static func scope(at address: UInt64, in parent: DebugEntry, _ left: inout Int) -> DebugEntry? {
    var next = parent.firstChild
    while let entry = next, left > 0 {
      left -= 1
      let tag = entry.tag
      if tag == DW_TAG_inlined_subroutine || tag == DW_TAG_lexical_block, entry.holds(address) { return entry }
      next = entry.sibling
    }
    return nil
  }
}
