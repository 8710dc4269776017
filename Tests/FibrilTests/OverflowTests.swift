import Fibril
import Glibc
import Testing

/// What ends a program whose fibril needs more stack than it has, and what does not look like that.
@Suite struct OverflowTests {
  private static func recurse(_ depth: Int) -> Int { depth == 0 ? 0 : 1 + recurse(depth - 1) }

  /// Prevents the compiler from knowing the depth.
  private static func overflow(name: String?, stackBytes: Int) throws {
    let task = try FibrilTask()
    try task.spawn(name: "innocent") { try? Fibril.block() }
    try task.spawn(name: name, stackBytes: stackBytes) { print(recurse(1_000_000)) }.join()
  }

  private static func lines(_ result: ExitTest.Result?) -> [Substring] {
    String(decoding: result?.standardErrorContent ?? [], as: UTF8.self).split(separator: "\n")
      .filter { $0.hasPrefix("fibril: ") }
  }

  @Test func itNamesTheFibrilAndItsSize() async {
    let result = await #expect(processExitsWith: .signal(SIGSEGV), observing: [\.standardErrorContent]) {
      try onThread {
        try Self.overflow(name: "deep one", stackBytes: 12 << 10)
      }
    }
    #expect(
      Self.lines(result) == [
        """
        fibril: stack overflow in fibril 3 "deep one": it has used all 28672 bytes of its stack; \
        spawn it with more stackBytes, or look for endless recursion
        """
      ])
  }

  @Test func aFibrilWithoutNameHasItsNumber() async {
    let result = await #expect(processExitsWith: .signal(SIGSEGV), observing: [\.standardErrorContent]) {
      try onThread {
        try Self.overflow(name: nil, stackBytes: Fibril.defaultStackBytes)
      }
    }
    #expect(Self.lines(result).count == 1)
    #expect(Self.lines(result).first?.hasPrefix("fibril: stack overflow in fibril 3: it has used all 61440 ") == true)
  }

  private static func readNull() -> Int { unsafe UnsafePointer<Int>(bitPattern: 8 * Int(getppid().signum()))!.pointee }

  @Test func anotherFaultSaysNothing() async {
    let result = await #expect(processExitsWith: .signal(SIGSEGV), observing: [\.standardErrorContent]) {
      try onThread {
        let task = try FibrilTask()
        try task.spawn { print(Self.readNull()) }.join()
      }
    }
    #expect(Self.lines(result) == [])
  }

  @Test func aSignalThatWasSentEndsTheProgramAsWell() async {
    let result = await #expect(processExitsWith: .signal(SIGSEGV), observing: [\.standardErrorContent]) {
      try onThread {
        let task = try FibrilTask()
        try task.spawn { raise(SIGSEGV) }.join()
      }
    }
    #expect(Self.lines(result) == [])
  }

  @Test func aHandlerOfTheProgramStays() async {
    await #expect(processExitsWith: .exitCode(42)) {
      try onThread {
        signal(SIGSEGV) { _ in _exit(42) }
        let task = try FibrilTask()
        try task.spawn { print(Self.readNull()) }.join()
      }
    }
  }

  /// And its signal stack, which it may need after its task has ended.
  @Test func aSignalStackOfTheThreadStays() throws {
    let (during, after) = try onThread {
      let bytes = 1 << 16
      let memory = UnsafeMutableRawPointer.allocate(byteCount: bytes, alignment: 16)
      var mine = unsafe stack_t(ss_sp: memory, ss_flags: 0, ss_size: bytes)
      unsafe sigaltstack(&mine, nil)
      var seen = unsafe stack_t()
      func isMine() -> Bool {
        unsafe sigaltstack(nil, &seen)
        return unsafe seen.ss_sp == memory
      }
      let during = try {
        let task = try FibrilTask()
        defer { task.joinAll() }
        return isMine()
      }()
      let after = isMine()
      var none = unsafe stack_t(ss_sp: nil, ss_flags: CInt(2), ss_size: 0)  // SS_DISABLE
      unsafe sigaltstack(&none, nil)
      unsafe memory.deallocate()
      return (during, after)
    }
    #expect(during && after)
  }
}
