// Memory of somebody else, as bytes at addresses: a live process, a core file, or a test's own.

/// Reads memory that belongs to somebody else. Nothing is assumed of what it holds.
public protocol MemoryReader {
  /// Copies `ranges`, one behind the other, to `bytes` from `offset` on, where there is room for all
  /// of them. Stops at the first byte that cannot be read and returns how many it copied.
  func copy(_ ranges: ArraySlice<Range<UInt64>>, to bytes: inout [UInt8], at offset: Int) -> Int
}

/// Several ranges of memory, copied in one go. It can be filled again, which costs no new memory.
public struct MemoryCopy {
  /// The ranges' bytes, one behind the other. Beyond what could be read lies whatever lay there before.
  private var bytes: [UInt8] = []
  /// Where each range begins in `bytes`.
  private var starts: [Int] = []
  /// How many bytes of each range could be read.
  private var counts: [Int] = []

  /// Nothing yet.
  public init() {}

  /// A structure at `offset` in the range number `index`; nil unless all of it was read.
  func load<Structure: BitwiseCopyable>(_ type: Structure.Type, from index: Int, at offset: Int = 0) -> Structure? {
    guard offset >= 0, offset <= counts[index] - MemoryLayout<Structure>.size else { return nil }
    return bytes.load(type, at: starts[index] + offset)
  }

  /// What could be read of a range.
  public subscript(index: Int) -> ArraySlice<UInt8> { bytes[starts[index]..<starts[index] + counts[index]] }

  /// Copies all ranges; what lies behind an unreadable place is asked for again.
  mutating func fill(_ ranges: [Range<UInt64>], from memory: some MemoryReader) {
    starts.removeAll(keepingCapacity: true)
    counts.removeAll(keepingCapacity: true)
    var total = 0
    for range in ranges {
      starts.append(total)
      counts.append(0)
      total += range.count
    }
    // More than is needed now, so that the next time needs no more.
    if bytes.count < total { bytes = [UInt8](repeating: 0, count: bytes.isEmpty ? total : total + total / 2) }
    var index = 0
    while index < ranges.count {
      var copied = memory.copy(ranges[index...], to: &bytes, at: starts[index])
      while index < ranges.count, copied >= ranges[index].count {
        counts[index] = ranges[index].count
        copied -= ranges[index].count
        index += 1
      }
      guard index < ranges.count else { break }
      counts[index] = copied
      index += 1
    }
  }
}

extension MemoryReader {
  /// Copies all ranges.
  public func read(_ ranges: [Range<UInt64>]) -> MemoryCopy {
    var copy = MemoryCopy()
    copy.fill(ranges, from: self)
    return copy
  }

  /// One structure; nil if it cannot be read whole.
  func read<Structure: BitwiseCopyable>(_ type: Structure.Type, at address: UInt64) -> Structure? {
    guard let range = Range(address, bytes: UInt64(MemoryLayout<Structure>.size)) else { return nil }
    return read([range]).load(type, from: 0)
  }
}

extension Range<UInt64> {
  /// `bytes` bytes from an address on; nil where that would pass the end of the address space.
  public init?(_ address: UInt64, bytes: UInt64) {
    let (end, overflow) = address.addingReportingOverflow(bytes)
    guard !overflow, bytes <= Int.max else { return nil }
    self = address..<end
  }
}

extension Array<UInt8> {
  /// A structure at a byte offset. Safe: the load checks its bounds, and every pattern of bits is a
  /// value of the C structures of integers that are read here.
  func load<Structure: BitwiseCopyable>(_ type: Structure.Type, at offset: Int) -> Structure {
    unsafe span.bytes.unsafeLoadUnaligned(fromByteOffset: offset, as: type)
  }
}
