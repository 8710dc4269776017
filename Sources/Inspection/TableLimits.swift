// What is read of a table at most. Whatever says more is damaged, or larger than anything that was built
// for; the reader says so and leaves out the rest.

/// What one look at a process may read and keep.
public struct TableLimits: Sendable {
  /// Fibrils and calls, free entries not counted: each takes about 300 bytes here.
  public var fibrils = 2 << 20
  /// Bytes of entries and of stacks.
  public var bytes = 8 << 30
  /// Bytes that arguments of calls point at: these are kept.
  public var pointedBytes = 256 << 20

  /// The limits of every command.
  public static var standard: TableLimits { TableLimits() }

  /// The standard ones, to be changed.
  public init() {}

  static let structureBytes = 64 << 10
  static let tasks = 64 << 10
  static let names = 1 << 20
  static let chunksOfTask = 1 << 18
  static let chunkEntries = 1 << 20
  /// How often a task slot or an entry that changes meanwhile is read again.
  static let tries = 16
  /// What is copied of one stack.
  static let stackBytes: UInt64 = 64 << 10
  /// What is copied of the memory that one argument of a call points at.
  static let argumentBytes: UInt64 = 256
  /// A sequence has 32 bits and counts two for every time its fibril runs, which takes 2 ns at the very
  /// least: it cannot come round to the same number in less than 4 s. A copy that took longer counts as torn.
  static let copyNanoseconds: UInt64 = 2_000_000_000
}
