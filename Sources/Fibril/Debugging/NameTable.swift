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
    return unsafe withUnsafeBytes(of: &text) { name in
      let hash = unsafe hash(name, length)
      // The table is only added to, so a name that is in it is found without the lock that all tasks share.
      if case .found(let number) = unsafe find(name, length, hash, in: fibril_name_index(false)) { return number }
      fibril_registry_lock()
      defer { fibril_registry_unlock() }
      let index = unsafe fibril_name_index(true)
      switch unsafe find(name, length, hash, in: index) {
      case .found(let number): return number
      case .free(let place): return unsafe add(name, at: index! + place)
      case .noIndex: return 0
      }
    }
  }

  /// The text behind an index, for the submit probe.
  @inline(__always)
  static func text(of index: UInt32) -> UnsafePointer<CChar>? {
    guard index != 0 else { return nil }
    return unsafe UnsafePointer(bitPattern: UInt(fibril_root_address()!.pointee.names) + UInt(index) * 64)
  }

  private enum Place {
    case found(UInt32)
    case free(Int)
    case noIndex
  }

  /// FNV-1a.
  private static func hash(_ name: UnsafeRawBufferPointer, _ length: Int) -> UInt64 {
    var hash: UInt64 = 0xcbf2_9ce4_8422_2325
    for place in 0..<length { hash = unsafe (hash ^ UInt64(name[place])) &* 0x100_0000_01b3 }
    return hash
  }

  /// The index is an open-addressed table of twice as many words as there can be names, mapped at the
  /// first name.
  private static func find(
    _ name: UnsafeRawBufferPointer, _ length: Int, _ hash: UInt64, in index: UnsafeMutablePointer<UInt32>?
  ) -> Place {
    let mask = 2 * FibrilTable.mostNames - 1
    guard let index = unsafe index else { return .noIndex }
    var place = Int(truncatingIfNeeded: hash ^ hash >> 32) & mask
    while true {
      let candidate = unsafe fibril_atomic_load32(index + place)
      guard candidate != 0 else { return .free(place) }
      if unsafe memcmp(text(of: candidate)!, name.baseAddress!, length + 1) == 0 { return .found(candidate) }
      place = (place + 1) & mask
    }
  }

  /// Under the lock.
  private static func add(_ name: UnsafeRawBufferPointer, at place: UnsafeMutablePointer<UInt32>) -> UInt32 {
    let number = unsafe fibril_root_address()!.pointee.name_count
    guard number < FibrilTable.mostNames else { return 0 }
    unsafe UnsafeMutableRawPointer(mutating: text(of: number)!).copyMemory(
      from: name.baseAddress!, byteCount: name.count)
    unsafe fibril_atomic_store32(place, number)
    fibril_names_announce(number + 1)
    return number
  }
}
