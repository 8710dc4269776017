// Which compilation unit an address belongs to, and through it the source line and the inlined calls.
// libdw's own search goes by .debug_aranges, which clang and swiftc do not write.
internal import CLibdw

/// The compilation units of one module, by address.
@safe struct LineTable {
  @safe private struct Unit {
    var addresses: Range<UInt64>
    /// Lives as long as the session.
    var entry: UnsafeMutablePointer<Dwarf_Die>
    /// What the process adds to the addresses in the debug information.
    var bias: UInt64
  }

  private var units: [Unit] = []
  /// By the unit's address in libdw.
  private var trees: [UInt: InlineTree] = [:]

  /// Damaged debug information must have an end.
  private static let maximumUnits = 1 << 20

  /// Of a module of a session that outlives this table.
  init(module: OpaquePointer) {
    var bias: UInt64 = 0
    var entry = unsafe dwfl_module_nextcu(module, nil, &bias)
    while let current = unsafe entry, units.count < Self.maximumUnits {
      var base: UInt64 = 0
      var start: UInt64 = 0
      var end: UInt64 = 0
      var offset = unsafe dwarf_ranges(current, 0, &base, &start, &end)
      while offset > 0, units.count < Self.maximumUnits {
        let low = start &+ bias
        if start < end, low < end &+ bias {
          units.append(unsafe Unit(addresses: low..<end &+ bias, entry: current, bias: bias))
        }
        offset = unsafe dwarf_ranges(current, offset, &base, &start, &end)
      }
      unsafe entry = unsafe dwfl_module_nextcu(module, current, &bias)
    }
    units.sort { $0.addresses.lowerBound < $1.addresses.lowerBound }
  }

  /// What the debug information says of an address in the process; nil if there is none.
  mutating func place(at address: UInt64) -> SourcePlace? {
    guard let unit = unit(at: address) else { return nil }
    let linked = address &- unit.bias
    let key = unsafe UInt(bitPattern: unit.entry)
    let entry = unsafe DebugEntry(unit.entry.pointee)
    let tree = trees[key] ?? InlineTree(unit: entry)
    trees[key] = tree
    return tree.place(at: linked, line: line(of: unit, at: linked))
  }

  private func unit(at address: UInt64) -> Unit? {
    var low = 0
    var high = units.count
    while low < high {
      let middle = (low + high) / 2
      if units[middle].addresses.upperBound <= address { low = middle + 1 } else { high = middle }
    }
    return low < units.count && units[low].addresses.contains(address) ? units[low] : nil
  }

  private func line(of unit: Unit, at linked: UInt64) -> SourceLine? {
    var number: Int32 = 0
    guard let line = unsafe dwarf_getsrc_die(unit.entry, linked), let file = unsafe dwarf_linesrc(line, nil, nil),
      unsafe dwarf_lineno(line, &number) == 0, number > 0
    else { return nil }
    return SourceLine(file: lastPart(of: unsafe String(cString: file)), line: Int(number))
  }
}

/// A path without its folders.
func lastPart(of path: String) -> String {
  String(path.split(separator: "/").last ?? Substring(path))
}
