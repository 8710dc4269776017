internal import CFibril
internal import CFibrilContract
internal import Glibc

/// Interned names: each text stands once in the process's append-only table, where a tracer reads it
/// by its index.
enum NameTable {
  /// The index of `name`, which is cut to 63 bytes at a character; 0 if it is empty or the table full.
  static func intern(_ name: String) -> UInt32 {
    var text = fibril_name()
    let length = unsafe withUnsafeMutableBytes(of: &text) { bytes in
      var length = 0
      for character in name {
        let utf8 = character.utf8
        guard length + utf8.count < bytes.count else { break }
        for byte in utf8 {
          unsafe bytes[length] = byte
          length += 1
        }
      }
      return length
    }
    guard length > 0 else { return 0 }
    fibril_registry_lock()
    defer { fibril_registry_unlock() }
    return unsafe withUnsafeBytes(of: &text) { unsafe find($0, length: length) }
  }

  /// The text behind an index, for the submit probe.
  @inline(__always)
  static func text(of index: UInt32) -> UnsafePointer<CChar>? {
    guard index != 0 else { return nil }
    return unsafe UnsafePointer(bitPattern: UInt(fibril_root_address()!.pointee.names) + UInt(index) * 64)
  }

  /// Looks the name up in the index or adds it. The index is an open-addressed table of twice as
  /// many words as there can be names, mapped at the first name. Called under the lock.
  private static func find(_ name: UnsafeRawBufferPointer, length: Int) -> UInt32 {
    let root = unsafe fibril_root_address()!
    let mask = 2 * FibrilTable.mostNames - 1
    guard let index = unsafe fibril_name_index() else { return 0 }
    var hasher: UInt64 = 0xcbf2_9ce4_8422_2325  // FNV-1a
    for place in 0..<length { hasher = unsafe (hasher ^ UInt64(name[place])) &* 0x100_0000_01b3 }
    var place = Int(truncatingIfNeeded: hasher ^ hasher >> 32) & mask
    while unsafe index[place] != 0 {
      let candidate = unsafe index[place]
      if unsafe memcmp(text(of: candidate)!, name.baseAddress!, length + 1) == 0 { return candidate }
      place = (place + 1) & mask
    }
    let number = unsafe root.pointee.name_count
    guard number < FibrilTable.mostNames else { return 0 }
    unsafe UnsafeMutableRawPointer(mutating: text(of: number)!).copyMemory(
      from: name.baseAddress!, byteCount: name.count)
    unsafe index[place] = number
    fibril_names_announce(number + 1)
    return number
  }
}
