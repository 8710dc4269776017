// Distinct backtraces, numbered: of a hundred thousand stacks most are alike.

/// Walks the stacks of parked fibrils and keeps each distinct backtrace once.
public struct BacktraceTable {
  /// By number.
  public private(set) var backtraces: [Backtrace] = []
  private let unwinder: Unwinder
  private let symbolizer: Symbolizer
  private var rows: RowTable
  /// Numbers plus one, by the backtrace's hash; 0: free. Its count is a power of two.
  private var slots = ContiguousArray<UInt32>(repeating: 0, count: 1024)
  private var hashes: ContiguousArray<UInt64> = []
  /// Drawn anew for each table, so that no process can make up stacks whose hashes are equal.
  private let seed = (start: UInt64.random(in: .min ... .max), factor: UInt64.random(in: .min ... .max) | 1)
  private var frames: [Frame] = []
  private var framesLeft: Int
  private var leftOut = 0
  /// Where the last stack stood, and whether a function begins there.
  private var lastPlace: (pc: UInt64, isStart: Bool) = (0, false)

  /// At most so many frames are kept, 16 bytes each: a million backtraces of an ordinary depth.
  public static let maximumFrames = 16 << 20

  /// Of stacks whose code `symbolizer` knows.
  public init(
    _ symbolizer: Symbolizer, _ unwinder: Unwinder = Unwinder(), maximumFrames: Int = Self.maximumFrames
  ) {
    framesLeft = maximumFrames
    self.symbolizer = symbolizer
    self.unwinder = unwinder
    rows = RowTable { symbolizer.row(at: $0) }
    frames.reserveCapacity(64)
  }

  /// The number of the backtrace of a fibril that saved its context at `address`, where `stack` begins;
  /// nil if the context is not there (parts of a stack that are missing from a core file are zeros), or if
  /// too many backtraces are different.
  public mutating func number(of stack: Span<UInt8>, at address: UInt64) -> Int? {
    // Safe: bytes have no padding.
    let stack = unsafe stack.bytes
    guard
      let registers = Registers(
        savedAt: address, unwinder.architecture, readStack: { stack.word(at: $0, base: address) }),
      registers.pc != 0
    else { return nil }
    // A fibril that never ran stands at the very beginning of its first function.
    if lastPlace.pc != registers.pc {
      lastPlace = (registers.pc, symbolizer.symbol(at: registers.pc)?.address == registers.pc)
    }
    let end = unwinder.walk(
      from: registers, isExact: lastPlace.isStart, rows: &rows, stack: stack, base: address, into: &frames)
    return number(of: end)
  }

  /// Of the frames at hand.
  private mutating func number(of end: UnwindEnd) -> Int? {
    var hash = seed.start ^ UInt64(frames.count)
    for frame in frames {
      let product = (hash ^ frame.pc).multipliedFullWidth(by: seed.factor)
      hash = product.high ^ product.low &+ frame.pc
    }
    var slot = Int(truncatingIfNeeded: hash >> 20) & (slots.count - 1)
    while slots[slot] != 0 {
      let number = Int(slots[slot]) - 1
      if hashes[number] == hash, backtraces[number].end == end, backtraces[number].frames == frames { return number }
      slot = (slot + 1) & (slots.count - 1)
    }
    guard frames.count <= framesLeft else {
      leftOut += 1
      return nil
    }
    framesLeft -= frames.count
    slots[slot] = UInt32(backtraces.count + 1)
    // A copy of its own size.
    backtraces.append(Backtrace(frames: frames.map { $0 }, end: end))
    hashes.append(hash)
    if backtraces.count * 2 >= slots.count { grow() }
    return backtraces.count - 1
  }

  /// What to say of those that were left out; nil if none were.
  public var problem: String? {
    leftOut == 0 ? nil : "the stacks of \(leftOut) fibrils were left out: too many of them are different"
  }

  private mutating func grow() {
    slots = ContiguousArray(repeating: 0, count: slots.count * 2)
    for (number, hash) in hashes.enumerated() {
      var slot = Int(truncatingIfNeeded: hash >> 20) & (slots.count - 1)
      while slots[slot] != 0 { slot = (slot + 1) & (slots.count - 1) }
      slots[slot] = UInt32(number + 1)
    }
  }
}
