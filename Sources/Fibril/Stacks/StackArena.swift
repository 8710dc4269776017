internal import CFibril
internal import Glibc

/// The stacks of one task: cut from slabs, kept by size, handed out again last in, first out, so that
/// a new fibril starts on memory that is warm.
@safe struct StackArena {
  /// The free stacks of one size. The warm ones keep their memory: the first one, and how many more may be;
  /// where a stack's first frame begins lies the address of the next. The cold ones have never been
  /// touched, or were given back to the system.
  private struct Free {
    var warm: UInt64 = 0
    /// How many more may stay warm.
    var warmRoom: Int
    var cold: [UInt64] = []
  }

  /// By size, 2^n bytes. Raw memory, so that the task's core stays small.
  private let free: UnsafeMutablePointer<Free>
  private static let orders = 32
  private var slabs: [(address: UInt64, bytes: Int)] = []
  /// What Valgrind calls the stacks, when under it.
  private var numbers: [UInt64] = []
  private let pageBytes = sysconf(CInt(_SC_PAGESIZE))

  /// Less than this would not do for what the runtime itself needs in a debug build.
  private static let leastBytes = 28 << 10
  /// The largest stack there is.
  static let mostBytes = 1 << 30
  /// Stacks are mapped this many bytes at a time, or one by one if they are larger.
  private static let slabBytes = 4 << 20
  /// Of each size so many bytes of address space stay warm, and at least so many stacks.
  private static let warmBytes = 32 << 20
  private static let leastWarm = 4

  init() {
    unsafe free = .allocate(capacity: StackArena.orders)
    for order in 0..<StackArena.orders {
      unsafe (free + order).initialize(
        to: Free(warmRoom: max(StackArena.leastWarm, StackArena.warmBytes >> order)))
    }
  }

  /// The arena must not be used after it.
  func unmapAll() {
    for number in numbers { fibril_tools_deregister_stack(number) }
    for slab in slabs {
      fibril_tools_unmap(slab.address, slab.address + UInt64(slab.bytes))
      unsafe munmap(UnsafeMutableRawPointer(bitPattern: UInt(slab.address)), slab.bytes)
    }
    unsafe free.deinitialize(count: StackArena.orders)
    unsafe free.deallocate()
  }

  /// A stack of at least `bytes` usable bytes, the guard not counted.
  mutating func take(_ bytes: Int) throws(FibrilError) -> Stack {
    guard bytes <= StackArena.mostBytes else {
      throw FibrilError(action: "map a stack of \(bytes) bytes (at most \(StackArena.mostBytes))", code: ENOMEM)
    }
    // No overflow: both are far from it.
    let order = Int.bitWidth &- (max(bytes, StackArena.leastBytes) &+ pageBytes &- 1).leadingZeroBitCount
    let free = unsafe free + order
    guard unsafe free.pointee.warm != 0 else { return try takeCold(order) }
    let stack = stack(order, endingAt: unsafe free.pointee.warm)
    unsafe free.pointee.warm = stack.link.pointee
    unsafe free.pointee.warmRoom &+= 1
    return stack
  }

  func giveBack(_ stack: Stack) {
    let order = Int(truncatingIfNeeded: stack.high &- stack.low &+ UInt64(truncatingIfNeeded: pageBytes))
      .trailingZeroBitCount
    let free = unsafe free + order
    guard unsafe free.pointee.warmRoom > 0 else { return giveBackCold(stack, order) }
    unsafe stack.link.pointee = free.pointee.warm
    unsafe free.pointee.warm = stack.high
    unsafe free.pointee.warmRoom &-= 1
  }

  private func stack(_ order: Int, endingAt high: UInt64) -> Stack {
    Stack(low: high &- UInt64(truncatingIfNeeded: (1 &<< order) &- pageBytes), high: high)
  }

  @inline(never)
  private mutating func takeCold(_ order: Int) throws(FibrilError) -> Stack {
    if unsafe free[order].cold.isEmpty { try addSlab(order) }
    return stack(order, endingAt: unsafe free[order].cold.removeLast())
  }

  /// Gives the memory of the stack back to the system, not its guard.
  @inline(never)
  private func giveBackCold(_ stack: Stack, _ order: Int) {
    unsafe madvise(
      UnsafeMutableRawPointer(bitPattern: UInt(stack.low)), Int(stack.high - stack.low), CInt(MADV_DONTNEED))
    unsafe free[order].cold.append(stack.high)
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
    do {
      for index in 0..<count { unsafe try StackGuard.install(at: memory + index * stride, pageBytes) }
    } catch {
      unsafe munmap(memory, stride * count)
      throw error
    }
    let start = UInt64(UInt(bitPattern: memory))
    slabs.append((start, stride * count))
    for index in (1...count).reversed() {
      let stack = stack(order, endingAt: start + UInt64(index * stride))
      unsafe free[order].cold.append(stack.high)
      let number = fibril_tools_register_stack(stack.low, stack.high)
      if number != 0 { numbers.append(number) }
    }
  }
}
