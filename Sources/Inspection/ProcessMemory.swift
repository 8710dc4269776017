// A live process's memory, by process_vm_readv: the process is neither stopped nor written to.
internal import CSystemCalls
internal import Glibc

/// The memory of a live process.
public struct ProcessMemory: MemoryReader, Sendable {
  /// Whose memory it is: the process, or one of its threads.
  public let processID: Int32

  /// The kernel takes no more ranges in one call.
  private static let maximumRanges = 1024

  /// Memory of a process that may or may not be readable: `check` tells.
  public init(processID: Int32) { self.processID = processID }

  /// Throws unless the kernel lets this process read a byte that lies at a readable address.
  func check(readableAddress: UInt64) throws(InspectionError) {
    var bytes: [UInt8] = [0]
    let result = call([readableAddress..<readableAddress + 1], &bytes, 0)
    switch Int32(-result) {
    case EPERM, EACCES: throw .noRights(processID)
    case ESRCH: throw .noSuchProcess(processID)
    default: return
    }
  }

  /// See `MemoryReader`; many ranges cost few calls.
  public func copy(_ ranges: ArraySlice<Range<UInt64>>, to bytes: inout [UInt8], at offset: Int) -> Int {
    var total = 0
    var rest = ranges
    while !rest.isEmpty {
      let part = rest.prefix(Self.maximumRanges)
      rest = rest.dropFirst(part.count)
      let wanted = part.reduce(0) { $0 + $1.count }
      let copied = max(0, call(part, &bytes, offset + total))
      total += copied
      if copied < wanted { break }
    }
    return total
  }

  /// Safe: the kernel writes at most `wanted` bytes, for which `bytes` has room, and the addresses
  /// of the other process are mere numbers here.
  private func call(_ ranges: ArraySlice<Range<UInt64>>, _ bytes: inout [UInt8], _ offset: Int) -> Int {
    let wanted = ranges.reduce(0) { $0 + $1.count }
    guard wanted > 0 else { return 0 }
    precondition(offset + wanted <= bytes.count)
    return unsafe withUnsafeTemporaryAllocation(of: iovec.self, capacity: ranges.count) { remote in
      for (index, range) in ranges.enumerated() {
        unsafe remote.initializeElement(
          at: index,
          to: iovec(iov_base: UnsafeMutableRawPointer(bitPattern: UInt(range.lowerBound)), iov_len: range.count))
      }
      return unsafe bytes.withUnsafeMutableBytes { buffer in
        var local = unsafe iovec(iov_base: buffer.baseAddress! + offset, iov_len: wanted)
        return unsafe fibril_read_process(processID, &local, 1, remote.baseAddress, remote.count)
      }
    }
  }
}
