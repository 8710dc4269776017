internal import CFibril

/// Interned names: each text stands once in the process's append-only table, where a tracer reads it
/// by its index.
enum NameTable {
  /// The index of `name`, which is cut to 63 bytes at a character; 0 if it is empty or the table full.
  static func intern(_ name: String) -> UInt32 {
    var name = name
    // The bytes are copied into the table.
    return name.withUTF8 { text in
      unsafe text.withMemoryRebound(to: CChar.self) { unsafe fibril_name($0.baseAddress, $0.count) }
    }
  }

  /// The text behind an index, for the submit probe.
  @inline(__always)
  static func text(of index: UInt32) -> UnsafePointer<CChar>? { unsafe fibril_name_text(index) }
}
