internal import Glibc

/// A stack's usable bytes, [low, high). Below low lies its guard.
struct Stack {
  var low: UInt64
  var high: UInt64

  /// Where the first frame begins, at most a 64th of the stack and 960 bytes below `high`. Stacks lie a
  /// power of two apart, and what their fibrils touch would fall into the same few lines of the cache:
  /// they take turns among 16. No more, so that a fibril parked in a few frames still touches one page.
  var start: UInt64 { high &- (high >> 16 & min(15, (high &- low) >> 12)) &* 64 }
}

/// The stacks of one task: cut from slabs, kept by size, handed out again last in, first out, so that
/// a new fibril starts on memory that is warm.
struct StackArena {
  /// The first free stack of each size, 2^n bytes; its topmost word is the address of the next.
  private var free = InlineArray<64, UInt64>(repeating: 0)
  private var slabs: [(address: UInt64, bytes: Int)] = []

  static let pageBytes = 4096
  static let defaultBytes = 64 * 1024
  /// The largest stack there is.
  static let mostBytes = 1 << 30
  /// Stacks are mapped this many bytes at a time, or one by one if they are larger.
  private static let slabBytes = 4 << 20

  /// A stack of at least `bytes` usable bytes, the guard not counted.
  mutating func take(_ bytes: Int) throws(FibrilError) -> Stack {
    guard bytes <= StackArena.mostBytes else {
      throw FibrilError(action: "map a stack of \(bytes) bytes (at most \(StackArena.mostBytes))", code: ENOMEM)
    }
    let order = StackArena.order(of: bytes)
    if free[order] == 0 { try addSlab(order) }
    let high = free[order]
    free[order] = unsafe top(of: high).pointee
    return Stack(low: high - UInt64((1 << order) - StackArena.pageBytes), high: high)
  }

  mutating func giveBack(_ stack: Stack) {
    let order = StackArena.order(of: Int(stack.high - stack.low))
    unsafe top(of: stack.high).pointee = free[order]
    free[order] = stack.high
  }

  mutating func unmapAll() {
    for slab in slabs { unsafe munmap(UnsafeMutableRawPointer(bitPattern: UInt(slab.address)), slab.bytes) }
    slabs = []
    free = InlineArray(repeating: 0)
  }

  /// The power of two that holds a stack of `bytes` and its guard.
  private static func order(of bytes: Int) -> Int {
    let wanted = max(bytes, pageBytes) + pageBytes
    return Int.bitWidth - (wanted - 1).leadingZeroBitCount
  }

  private func top(of high: UInt64) -> UnsafeMutablePointer<UInt64> {
    unsafe UnsafeMutablePointer(bitPattern: UInt(high) - 8)!
  }

  private mutating func addSlab(_ order: Int) throws(FibrilError) {
    let stride = 1 << order
    let count = max(1, StackArena.slabBytes / stride)
    let memory = unsafe mmap(
      nil, stride * count, PROT_READ | PROT_WRITE,
      MAP_PRIVATE | MAP_ANONYMOUS | CInt(MAP_NORESERVE) | CInt(MAP_STACK), -1, 0)
    guard let memory = unsafe memory, unsafe memory != MAP_FAILED else {
      throw FibrilError(action: "map \(stride * count) bytes for stacks", code: errno)
    }
    // Noted first: what a guard that fails leaves behind is unmapped with the rest.
    slabs.append((UInt64(UInt(bitPattern: memory)), stride * count))
    for index in 0..<count {
      let low = unsafe memory + index * stride
      unsafe try StackGuard.install(at: low)
      let high = UInt64(UInt(bitPattern: low)) + UInt64(stride)
      unsafe top(of: high).pointee = free[order]
      free[order] = high
    }
  }
}
