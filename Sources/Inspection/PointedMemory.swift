// Memory that the arguments of a system call point at: a path, an address, a time.

/// What is to be copied of one argument.
public struct PointedRange: Sendable {
  /// Which argument, from 0.
  public var argument: Int
  public var address: UInt64
  /// How much of it is worth having; `TableLimits.argumentBytes` is the most that is copied.
  public var bytes: Int

  public init(argument: Int, address: UInt64, bytes: Int) {
    self.argument = argument
    self.address = address
    self.bytes = bytes
  }

  /// Empty where no such memory can be.
  var addresses: Range<UInt64> {
    guard address != 0, bytes > 0 else { return 0..<0 }
    return Range(address, bytes: min(UInt64(bytes), TableLimits.argumentBytes)) ?? 0..<0
  }
}

/// What was copied of one argument.
public struct PointedBytes: Sendable, Equatable {
  /// Which argument, from 0.
  public var argument: Int
  /// As far as they could be read, one at least.
  public var bytes: [UInt8]

  public init(argument: Int, bytes: [UInt8]) {
    self.argument = argument
    self.bytes = bytes
  }
}

/// Which memory of a call is worth having, by its number and its six arguments.
public typealias PointedRanges = (UInt32, [UInt64]) -> [PointedRange]

extension MemoryReader {
  /// What could be read of each list of ranges, in one go.
  func read(pointed lists: [[PointedRange]]) -> [[PointedBytes]] {
    let copy = read(lists.flatMap { list in list.map(\.addresses) })
    var next = 0
    return lists.map { list in
      list.compactMap { range in
        defer { next += 1 }
        return copy[next].isEmpty ? nil : PointedBytes(argument: range.argument, bytes: Array(copy[next]))
      }
    }
  }
}
