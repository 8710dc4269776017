// What is copied of a fibril beside its entry, at the same moment: its stack, and what its call points at.
public import TraceEvents

/// A parked fibril's stack, copied from its saved stack pointer upward.
public struct StackCopy: Sendable {
  /// Where the first byte lies in the process.
  public var address: UInt64
  /// What lay there.
  public var bytes: ArraySlice<UInt8>

  /// Bytes that lay at an address, as a copy of the process's memory.
  public init(address: UInt64, bytes: ArraySlice<UInt8>) {
    self.address = address
    self.bytes = bytes
  }

  /// The 64-bit word at an address; nil if it was not copied.
  public func word(at address: UInt64) -> UInt64? {
    let offset = address &- self.address
    guard bytes.count >= 8, offset <= UInt64(bytes.count - 8) else { return nil }
    // Safe: the load checks its bounds, and every pattern of bits is a number.
    return unsafe bytes.span.bytes.unsafeLoadUnaligned(fromByteOffset: Int(offset), as: UInt64.self)
  }
}

/// Copies that were made while a fibril's entry did not change.
public struct FibrilCopies: Sendable {
  /// From the saved stack pointer upward; nil if it has none, runs, or could not be read.
  public var stack: StackCopy?
  /// What arguments of its call point at.
  public var pointed: [PointedBytes] = []
  /// Finds the entry again; nil if it never stood still.
  public internal(set) var mark: EntryMark?

  /// What is to be copied.
  public struct Wanted {
    /// Of which fibrils the stack is. Asked before it is read; the entry may be read again after that.
    public var stacks: (FibrilSnapshot) -> Bool
    /// What of a call's memory is.
    public var pointed: PointedRanges

    /// Only the entries.
    public static var nothing: Wanted { Wanted(stacks: { _ in false }, pointed: { _, _ in [] }) }

    /// Some stacks, what calls point at, or both.
    public init(stacks: @escaping (FibrilSnapshot) -> Bool, pointed: @escaping PointedRanges) {
      self.stacks = stacks
      self.pointed = pointed
    }
  }

  init() {}

  init(_ stackAddress: UInt64, _ stack: ArraySlice<UInt8>, _ pointed: [PointedBytes]) {
    self.stack = stack.isEmpty ? nil : StackCopy(address: stackAddress, bytes: stack)
    self.pointed = pointed
  }
}
