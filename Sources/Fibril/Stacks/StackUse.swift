internal import CFibril
internal import CFibrilContract
internal import Glibc

extension Fibril {
  /// How many bytes of its stack the running fibril has used at most, so far. The stack of a former
  /// fibril may have been used deeper by that one, which counts as well; of a thread's own stack, in the
  /// root fibril, it is what is in use now. The calling thread must be a task.
  ///
  /// Looks for the lowest byte that was ever written, which takes microseconds.
  public static var stackHighWaterMark: Int {
    let fibril = requireTask().pointee.running
    let high = fibril.pointee.stack_high
    if fibril.pointee.flags & EntryFlag.root != 0 {
      return unsafe withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 1) { here in
        Int(high) - Int(bitPattern: here.baseAddress)
      }
    }
    return Int(high - lowestUsed(from: fibril.pointee.stack_low, to: high))
  }

  /// The first word that is not zero, in the first page that is there: what was never touched has no
  /// memory.
  private static func lowestUsed(from low: UInt64, to high: UInt64) -> UInt64 {
    let pageBytes = UInt64(sysconf(CInt(_SC_PAGESIZE)))
    var page = low
    // 64 pages at a time: this stack may be small.
    unsafe withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 64) { resident in
      while page < high {
        let count = min(Int((high - page) / pageBytes), resident.count)
        guard
          unsafe mincore(
            UnsafeMutableRawPointer(bitPattern: UInt(page)), count * Int(pageBytes), resident.baseAddress!) == 0
        else { return }
        if let first = (0..<count).first(where: { unsafe resident[$0] & 1 != 0 }) {
          page += UInt64(first) * pageBytes
          return
        }
        page += UInt64(count) * pageBytes
      }
    }
    var word = page
    while word < high, unsafe UnsafePointer<UInt64>(bitPattern: UInt(word))!.pointee == 0 { word += 8 }
    return word
  }
}
