import Fibril
import Glibc
import Testing

/// How much memory stacks take, and what happens when there is none.
@Suite struct StackTests {
  /// Touches so many bytes of its stack.
  @inline(never)
  private static func use(_ bytes: Int) {
    unsafe withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 1024) { part in
      unsafe part.initialize(repeating: 1)
      if bytes > 1024 { use(bytes - 1024) }
      precondition(unsafe part[0] == 1)
    }
  }

  /// Pages of this process that are in memory, and all that are mapped.
  private static func pages() -> (resident: Int, mapped: Int) {
    let file = unsafe open("/proc/self/statm", O_RDONLY)
    defer { close(file) }
    return unsafe withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 128) { text in
      let count = unsafe read(file, text.baseAddress!, text.count)
      let numbers = unsafe String(decoding: text.prefix(max(0, count)), as: UTF8.self).split(separator: " ")
      return (Int(numbers[1])!, Int(numbers[0])!)
    }
  }

  /// In a process of its own: others' memory is not counted.
  @Test func stacksOfEndedFibrilsGoBackToTheSystem() async {
    await #expect(processExitsWith: .success) {
      try onThread {
        let task = try FibrilTask()
        let before = Self.pages().resident
        for _ in 0..<10_000 {
          try task.spawn {
            Self.use(16 << 10)
            Fibril.yield()
          }
        }
        Fibril.yield()
        let during = Self.pages().resident - before
        task.joinAll()
        let after = Self.pages().resident - before
        // 5 pages each; 512 stacks stay warm. Page tables and the table's entries are not counted.
        precondition(during >= 40_000, "\(during) pages")
        precondition(after <= 512 * 6 + 2_000, "\(after) pages of \(during)")
        // And what was given back works.
        for _ in 0..<10_000 { try task.spawn { Self.use(32 << 10) } }
        task.joinAll()
      }
    }
  }

  @Test func theHighWaterMarkIsWhatWasUsed() throws {
    let marks = try onTask { task in
      final class Marks { var values: [Int] = [] }
      let marks = Marks()
      for bytes in [0, 20 << 10, 40 << 10] {
        // A size that no other fibril has had, so that the stack is fresh.
        try task.spawn(stackBytes: (bytes + 128 << 10) * 4) {
          if bytes > 0 { Self.use(bytes) }
          marks.values.append(Fibril.stackHighWaterMark)
        }.join()
      }
      return marks.values + [Fibril.stackHighWaterMark]
    }
    #expect(marks[0] > 0 && marks[0] < 20 << 10)
    #expect(marks[1] >= 20 << 10 && marks[1] < 40 << 10)
    #expect(marks[2] >= 40 << 10 && marks[2] < 80 << 10)
    #expect(marks[3] > 0)
  }

  @Test(arguments: [1, 4096, 5000, 61440, 61441, 200_000]) func aStackHasAtLeastTheBytesAskedFor(_ bytes: Int) throws {
    // What `use` takes besides the bytes, a fifth in debug builds, must fit as well.
    let done = try onTask { task in
      final class Done { var value = false }
      let done = Done()
      try task.spawn(stackBytes: bytes) {
        if bytes > 16 << 10 { Self.use(bytes / 4 * 3) }
        done.value = true
      }.join()
      return done.value
    }
    #expect(done)
  }

  /// Spawns until there is no memory, again and again: the error is thrown, what was spawned runs, and
  /// nothing is lost.
  @Test func withoutMemorySpawnThrows() async {
    await #expect(processExitsWith: .success) {
      try onThread {
        let task = try FibrilTask()
        var limit = rlimit()
        limit.rlim_cur = rlim_t(Self.pages().mapped * 4096 + 64 << 20)
        limit.rlim_max = rlim_t.max
        unsafe setrlimit(__rlimit_resource_t(9), &limit)  // RLIMIT_AS
        func spawnAll() throws -> Int {
          for count in 0..<1_000_000 {
            do throws(FibrilError) {
              try task.spawn(stackBytes: 1 << 20) { Fibril.yield() }
            } catch {
              precondition(error.code == ENOMEM && error.action.contains("stacks"), "\(error)")
              return count
            }
          }
          return 1_000_000
        }
        let first = try spawnAll()
        precondition(first > 0 && first < 64, "\(first) stacks of 1 MiB in 64 MiB")
        let mapped = Self.pages().mapped
        for _ in 0..<20 {
          task.joinAll()
          let again = try spawnAll()
          precondition(again == first, "\(again) stacks, not \(first)")
        }
        task.joinAll()
        precondition(Self.pages().mapped == mapped)
      }
    }
  }

  /// Memory that is locked takes no guard markers, and with no mapping left `mprotect` fails as well.
  @Test func withoutAGuardSpawnThrows() async throws {
    await #expect(processExitsWith: .success) {
      try onThread {
        let lockOnFault = CInt(4)  // MCL_ONFAULT
        guard mlockall(MCL_FUTURE | lockOnFault) == 0 else {
          return precondition(geteuid() != 0, "root can lock memory")
        }
        let task = try FibrilTask()
        // Every second page another protection: a mapping each, until there are no more.
        let pages = 200_000
        let memory = unsafe mmap(nil, pages * 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)!
        var page = 0
        while page < pages, unsafe mprotect(memory + page * 4096, 4096, PROT_NONE) == 0 { page += 2 }
        guard page < pages else { return }  // the limit is higher here
        let mapped = Self.pages().mapped
        for _ in 0..<10 {
          do throws(FibrilError) {
            try task.spawn(stackBytes: 1 << 20) {}
            preconditionFailure("a stack without a guard")
          } catch {
            precondition(error.action.contains("vm.max_map_count"), "\(error)")
          }
        }
        precondition(Self.pages().mapped == mapped)
        unsafe munmap(memory, pages * 4096)
        try task.spawn(stackBytes: 1 << 20) {}.join()
      }
    }
  }
}
