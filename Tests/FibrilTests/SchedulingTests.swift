import Fibril
import Glibc
import Testing

@Suite struct SchedulingTests {
  /// A deadline past the end of the kernel's clock is none: the task's thread sleeps, and does not look again
  /// and again.
  @Test(arguments: Way.allCases, [Deadline.after(.seconds(Int64.max)), Deadline(nanoseconds: .max)])
  func aDeadlineFarAwayLetsTheTaskSleep(_ way: Way, _ deadline: Deadline) throws {
    let thread = FibrilSemaphore(permits: 0)
    final class Place: @unchecked Sendable { var thread: pid_t = 0; var root: WakeTarget? }
    let place = Place()
    let other = try TestThread {
      let task = try FibrilTask(options: way.options)
      (place.thread, place.root) = (pid_t(try Asys.call(SystemCall(.gettid))), .current)
      thread.release()
      try Fibril.block(until: deadline)
      _ = consume task
    }
    try thread.acquire()
    let isAsleep = fallsAsleep(place.thread)
    place.root!.wake()
    try other.join()
    #expect(isAsleep)
  }

  /// Notes what happened in which order, on one thread.
  final class Log { var lines: [String] = [] }

  @Test func fibrilsTakeTurns() throws {
    let lines = try onTask { task in
      let log = Log()
      for name in ["a", "b", "c"] {
        try task.spawn(name: name) {
          for turn in 1...3 {
            log.lines.append("\(name)\(turn)")
            Fibril.yield()
          }
        }
      }
      log.lines.append("root")
      task.joinAll()
      return log.lines
    }
    #expect(lines == ["root", "a1", "b1", "c1", "a2", "b2", "c2", "a3", "b3", "c3"])
  }

  @Test func aYieldWithNobodyElseIsNoSwitch() throws {
    let counts = try onTask { task in
      for _ in 0..<100 { Fibril.yield() }
      return task.counts
    }
    #expect(counts.switches == 0 && counts.sleeps == 0)
  }

  @Test func joinWaitsForTheEndAndOnlyForThat() throws {
    let (order, counts) = try onTask { task in
      let log = Log()
      let slow = try task.spawn {
        Fibril.yield()
        log.lines.append("slow")
      }
      let quick = try task.spawn { log.lines.append("quick") }
      try slow.join()
      log.lines.append("joined slow")
      try quick.join()
      log.lines.append("joined quick")
      return (log.lines, task.counts)
    }
    #expect(order == ["quick", "slow", "joined slow", "joined quick"])
    // The second had ended: its join blocked nobody.
    #expect(counts.blocks == 1 && counts.wakes == 1 && counts.submits == 2 && counts.teardowns == 2)
  }

  @Test func aDroppedHandleLetsItsFibrilRun() throws {
    let ran = try onTask { task in
      let log = Log()
      for index in 0..<10 { _ = try task.spawn { log.lines.append("\(index)") } }
      task.joinAll()
      return log.lines.count
    }
    #expect(ran == 10)
  }

  @Test func fibrilsSpawnFibrils() throws {
    let leaves = try onTask { task in
      let log = Log()
      func grow(_ depth: Int) {
        guard depth > 0 else { return log.lines.append("leaf") }
        let left = try! Fibril.spawn { grow(depth - 1) }
        let right = try! Fibril.spawn { grow(depth - 1) }
        try? left.join()
        try? right.join()
      }
      grow(8)
      return log.lines.count
    }
    #expect(leaves == 256)
  }

  @Test func idsAreNeverUsedAgain() throws {
    let ids = try onTask { task in
      try (0..<1000).map { _ in
        let fibril = try task.spawn {}
        let id = fibril.id
        try fibril.join()
        return id
      }
    }
    #expect(Set(ids).count == 1000)
  }

  final class Token {
    let ended: () -> Void
    init(_ ended: @escaping () -> Void) { self.ended = ended }
    deinit { ended() }
  }

  private static func spawn(holding token: Token) throws {
    try Fibril.spawn { withExtendedLifetime(token) { Fibril.yield() } }
  }

  @Test func closuresAreReleasedAtTheEnd() throws {
    let released = try onTask { task in
      let log = Log()
      try Self.spawn(holding: Token { log.lines.append("released") })
      task.joinAll()
      return log.lines
    }
    #expect(released == ["released"])
  }

  @Test func countsAreExact() throws {
    let counts = try onTask { task in
      for _ in 0..<50 {
        try task.spawn { for _ in 0..<7 { try? Fibril.sleep(for: .microseconds(100)) } }
      }
      task.joinAll()
      return task.counts
    }
    #expect(counts.submits == 50 && counts.teardowns == 50)
    #expect(counts.blocks == 50 * 7 + 1 && counts.wakes == counts.blocks)
    #expect(counts.sleeps == counts.resumes)
  }

  @Test func aThreadIsOneTaskAtATime() throws {
    let error = try onTask { _ in
      do {
        _ = try FibrilTask()
        return ""
      } catch {
        return "\(error)"
      }
    }
    #expect(error == "cannot make a task: this thread is one already: File exists")
  }

  @Test func tasksComeAndGoOnManyThreads() throws {
    for _ in 0..<5 {
      let threads = try (0..<8).map { number in
        try TestThread {
          let task = try FibrilTask()
          let log = Log()
          for _ in 0..<100 {
            try task.spawn {
              try? Fibril.sleep(for: .microseconds(50))
              log.lines.append("")
            }
          }
          task.joinAll()
          return (task.id, log.lines.count)
        }
      }
      let results = try threads.map { try $0.join() }
      #expect(results.allSatisfy { $0.1 == 100 })
      #expect(Set(results.map(\.0)).count == 8)
    }
  }

  @Test func aFibrilCanHaveALargeStack() throws {
    let sum = try onTask { task in
      let log = Log()
      let fibril = try task.spawn(stackBytes: 8 << 20) {
        func recurse(_ depth: Int) -> Int { depth == 0 ? 0 : 1 + recurse(depth - 1) }
        log.lines.append("\(recurse(20_000))")
      }
      try fibril.join()
      return log.lines
    }
    #expect(sum == ["20000"])
  }

  @Test(arguments: [Int.max, Int.max - 4096, 1 << 40]) func aStackThatCanNotBeIsAnError(_ bytes: Int) throws {
    let code = try onTask { task in
      do {
        try task.spawn(stackBytes: bytes) {}
        return CInt(0)
      } catch let error as FibrilError {
        return error.code
      }
    }
    #expect(code == ENOMEM)
  }
}
