// One entry of debug information (a DIE), behind a safe interface.
internal import CLibdw

/// An entry of a session that outlives it.
@safe struct DebugEntry {
  private var entry: Dwarf_Die

  /// Safe: the library checks what it follows, and hands out texts that live as long as the session.
  init(_ entry: Dwarf_Die) { unsafe self.entry = entry }

  var tag: Int {
    var entry = unsafe entry
    return Int(unsafe dwarf_tag(&entry))
  }

  var firstChild: DebugEntry? {
    var entry = unsafe entry
    var child = unsafe Dwarf_Die()
    return unsafe dwarf_child(&entry, &child) == 0 ? DebugEntry(child) : nil
  }

  var sibling: DebugEntry? {
    var entry = unsafe entry
    var next = unsafe Dwarf_Die()
    return unsafe dwarf_siblingof(&entry, &next) == 0 ? DebugEntry(next) : nil
  }

  func holds(_ address: UInt64) -> Bool {
    var entry = unsafe entry
    return unsafe dwarf_haspc(&entry, address) > 0
  }

  /// Its code, `limit` pieces of it at most.
  func addresses(limit: Int) -> [Range<UInt64>] {
    var entry = unsafe entry
    var result: [Range<UInt64>] = []
    var (base, start, end) = (UInt64(0), UInt64(0), UInt64(0))
    var offset = 0
    while result.count < limit {
      unsafe offset = dwarf_ranges(&entry, offset, &base, &start, &end)
      guard offset > 0 else { break }
      if start < end { result.append(start..<end) }
    }
    return result
  }

  /// What the linker would call a function; nil if it has no name.
  var linkageName: String? {
    for kind in [DW_AT_linkage_name, DW_AT_MIPS_linkage_name, DW_AT_name] {
      var entry = unsafe entry
      var attribute = unsafe Dwarf_Attribute()
      if unsafe dwarf_attr_integrate(&entry, UInt32(kind), &attribute) != nil,
        let text = unsafe dwarf_formstring(&attribute)
      {
        return unsafe String(cString: text)
      }
    }
    return nil
  }

  /// The line that an inlined call stands in; `unit` names the files.
  func callLine(in unit: DebugEntry) -> SourceLine? {
    guard let line = number(Int(DW_AT_call_line)).flatMap({ Int(exactly: $0) }), line > 0,
      let file = number(Int(DW_AT_call_file))
    else { return nil }
    var unit = unsafe unit.entry
    var files: OpaquePointer?
    var count = 0
    guard unsafe dwarf_getsrcfiles(&unit, &files, &count) == 0, file < UInt64(count),
      let name = unsafe dwarf_filesrc(files, Int(file), nil, nil)
    else { return nil }
    return SourceLine(file: lastPart(of: unsafe String(cString: name)), line: line)
  }

  private func number(_ kind: Int) -> UInt64? {
    var entry = unsafe entry
    var attribute = unsafe Dwarf_Attribute()
    var value: UInt64 = 0
    guard unsafe dwarf_attr(&entry, UInt32(kind), &attribute) != nil, unsafe dwarf_formudata(&attribute, &value) == 0
    else { return nil }
    return value
  }
}
