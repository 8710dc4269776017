import Fibril
import Glibc
import Testing

@Suite struct CallTests {
  /// `flock(2)`, which io_uring does not have; x86-64 and arm64 differ.
  #if arch(x86_64)
    static let flock = SystemCall.Number(rawValue: 73)
    static let exit = SystemCall.Number(rawValue: 60)
  #else
    static let flock = SystemCall.Number(rawValue: 32)
    static let exit = SystemCall.Number(rawValue: 93)
  #endif

  @Test func aCallThatDoesNotBlockIsDoneAtOnce() throws {
    let (completions, pending, counts) = try onTask { task in
      try Asys.submit((0..<64).map { SystemCall(.getpid, cookie: $0) })
      let pending = Asys.pendingCalls
      var completions: [Completion] = []
      try Asys.awaitCompletions(minimum: 64, into: &completions)
      return (completions, pending, task.counts)
    }
    #expect(completions == (0..<64).map { Completion(cookie: $0, result: Int64(getpid())) })
    #expect(pending == 0)
    #expect(counts.submits == 64 && counts.teardowns == 64 && counts.blocks == 0 && counts.switches == 0)
  }

  @Test(arguments: Way.allCases) func aPendingCallLetsTheSubmitterGoOn(_ way: Way) throws {
    let (early, completions, text, counts) = try onTask(way.options) { task in
      let pipe = TestPipe()
      let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 16, alignment: 1)
      defer { unsafe buffer.deallocate() }
      unsafe try Asys.submit(.read(pipe.reading, into: buffer, cookie: 7))
      var completions: [Completion] = []
      let early = try Asys.awaitCompletions(minimum: 0, into: &completions)
      pipe.write("hello")
      try Asys.awaitCompletions(into: &completions)
      return unsafe (early, completions, String(decoding: buffer.prefix(5), as: UTF8.self), task.counts)
    }
    #expect(early == 0)
    #expect(completions == [Completion(cookie: 7, result: 5)])
    #expect(text == "hello")
    // The call: submit, block, wake, teardown; the root: one block and wake for the completion.
    #expect(counts.submits == 1 && counts.teardowns == 1 && counts.blocks == 2 && counts.wakes == 2)
  }

  /// The thread does nothing for the call after it has submitted it: the bare read would wait for ever.
  @Test(arguments: Way.allCases) func aSubmittedCallIsOnItsWay(_ way: Way) throws {
    let text = try onTask(way.options) { _ in
      let pipe = TestPipe()
      let word: StaticString = "started"
      unsafe try Asys.submit(
        .write(pipe.writing, from: UnsafeRawBufferPointer(start: word.utf8Start, count: word.utf8CodeUnitCount)))
      var bytes = [UInt8](repeating: 0, count: 16)
      let count = unsafe read(pipe.reading, &bytes, bytes.count)
      return String(decoding: bytes.prefix(count), as: UTF8.self)
    }
    #expect(text == "started")
  }

  @Test(arguments: Way.allCases) func completionsComeInTheOrderOfTheirEnds(_ way: Way) throws {
    let order = try onTask(way.options) { task in
      let pipes = (0..<3).map { _ in TestPipe() }
      let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 3, alignment: 1)
      defer { unsafe buffer.deallocate() }
      for (index, pipe) in pipes.enumerated() {
        unsafe try Asys.submit(
          .read(
            pipe.reading, into: UnsafeMutableRawBufferPointer(rebasing: buffer[index...index]), cookie: UInt64(index)))
      }
      var completions: [Completion] = []
      for index in [2, 0, 1] {
        pipes[index].write(".")
        try Asys.awaitCompletions(into: &completions)
      }
      return completions.map(\.cookie)
    }
    #expect(order == [2, 0, 1])
  }

  @Test(arguments: Way.allCases) func aBlockingCallBlocksItsFibrilOnly(_ way: Way) throws {
    let lines = try onTask(way.options) { task in
      let pipe = TestPipe()
      let log = SchedulingTests.Log()
      try task.spawn { log.lines.append("read \((try? pipe.readByCall()) ?? "failed")") }
      try task.spawn {
        for turn in 0..<3 {
          log.lines.append("turn \(turn)")
          Fibril.yield()
        }
        pipe.write("late")
      }
      task.joinAll()
      return log.lines
    }
    #expect(lines == ["turn 0", "turn 1", "turn 2", "read late"])
  }

  @Test func aCallThatIOUringLacksGoesToAHelper() throws {
    let lines = try onTask { task in
      let path = "/tmp/fibril-flock-\(getpid())"
      let holder = unsafe open(path, O_CREAT | O_RDWR | O_CLOEXEC, 0o600)
      let other = unsafe open(path, O_RDWR | O_CLOEXEC)
      unsafe unlink(path)
      defer { close(holder); close(other) }
      let log = SchedulingTests.Log()
      func lock(_ descriptor: Int32, _ operation: Int32) -> Int {
        (try? Asys.call(SystemCall(CallTests.flock, UInt64(descriptor), UInt64(operation)))) ?? -1
      }
      _ = lock(holder, LOCK_EX)
      try task.spawn { log.lines.append("locked \(lock(other, LOCK_EX))") }
      try task.spawn {
        try? Fibril.sleep(for: .milliseconds(2))
        log.lines.append("unlocks")
        _ = lock(holder, LOCK_UN)
      }
      task.joinAll()
      return log.lines
    }
    #expect(lines == ["unlocks", "locked 0"])
  }

  /// Every helper is held by a call that only the last one can release.
  @Test func thePoolGrowsAsFarAsItMust() throws {
    let results = try onTask { task in
      let path = "/tmp/fibril-flocks-\(getpid())"
      let holder = unsafe open(path, O_CREAT | O_RDWR | O_CLOEXEC, 0o600)
      let others = (0..<100).map { _ in unsafe open(path, O_RDWR | O_CLOEXEC) }
      unsafe unlink(path)
      try Asys.submit(SystemCall(CallTests.flock, UInt64(holder), UInt64(LOCK_EX), cookie: 1000))
      var completions: [Completion] = []
      try Asys.awaitCompletions(into: &completions)
      for (index, descriptor) in others.enumerated() {
        try Asys.submit(SystemCall(CallTests.flock, UInt64(descriptor), UInt64(LOCK_SH), cookie: UInt64(index)))
      }
      try Asys.submit(SystemCall(CallTests.flock, UInt64(holder), UInt64(LOCK_UN), cookie: 1001))
      try Asys.awaitCompletions(minimum: 101, into: &completions)
      for descriptor in others + [holder] { close(descriptor) }
      return completions
    }
    #expect(results.count == 102 && results.allSatisfy { $0.result == 0 })
  }

  /// The status that a helper has: opened by it, `thread-self` is the helper.
  static func helperStatus() throws -> String {
    let descriptor = unsafe try "/proc/thread-self/status".withCString {
      unsafe try Asys.call(.openat(AT_FDCWD, $0, flags: O_RDONLY | O_CLOEXEC))
    }
    defer { close(CInt(descriptor)) }
    let text = UnsafeMutableRawBufferPointer.allocate(byteCount: 4096, alignment: 1)
    defer { unsafe text.deallocate() }
    let count = unsafe read(CInt(descriptor), text.baseAddress, text.count)
    return unsafe String(decoding: text.prefix(max(0, count)), as: UTF8.self)
  }

  @Test func helpersFollowTheirTasksIdentity() throws {
    let statuses = try onTask(Way.helpers.options) { _ in
      let before = try Self.helperStatus()
      #if arch(x86_64)
        let prctl = SystemCall.Number(rawValue: 157)
      #else
        let prctl = SystemCall.Number(rawValue: 167)
      #endif
      try Asys.call(SystemCall(prctl, 38, 1))  // PR_SET_NO_NEW_PRIVS, of this thread alone
      return [before, try Self.helperStatus()]
    }
    #expect(statuses.allSatisfy { $0.contains("Name:\tfibril-helper") })
    #expect(statuses[1].contains("NoNewPrivs:\t1"))
  }

  @Test func errorsAreNumbersInCompletionsAndThrownInFibrils() throws {
    let (completions, thrown) = try onTask { _ -> ([Completion], Int32) in
      try Asys.submit([.close(-1, cookie: 1), SystemCall(CallTests.exit, cookie: 2)])
      var completions: [Completion] = []
      try Asys.awaitCompletions(minimum: 2, into: &completions)
      do {
        try Asys.call(.close(-1))
        return (completions, 0)
      } catch let error as SystemCallError {
        return (completions, error.code)
      }
    }
    // exit would end the thread under its fibrils: it is refused.
    #expect(completions.map(\.result) == [-Int64(EBADF), -Int64(EOPNOTSUPP)])
    #expect(thrown == EBADF)
  }

  #if arch(x86_64)
    /// A helper that forks would leave a child that believes to be the helper.
    @Test func forksAreRefused() throws {
      let parent = getpid()
      let results = try onTask { _ in
        try Asys.submit([57, 58].map { SystemCall(.init(rawValue: $0)) })
        var completions: [Completion] = []
        try Asys.awaitCompletions(minimum: 2, into: &completions)
        if getpid() != parent { _exit(0) }
        return completions.map(\.result)
      }
      #expect(results == [-Int64(EOPNOTSUPP), -Int64(EOPNOTSUPP)])
    }
  #endif

  @Test func numbersBeyondTheKnownOnesRunInline() throws {
    let result = try onTask { _ in
      try Asys.submit([SystemCall(.init(rawValue: 100_000)), SystemCall(.init(rawValue: -5))])
      var completions: [Completion] = []
      try Asys.awaitCompletions(minimum: 2, into: &completions)
      return completions.map(\.result)
    }
    #expect(result == [-Int64(ENOSYS), -Int64(ENOSYS)])
  }

  @Test(arguments: Way.allCases) func manyCallsInFlightAllComeBack(_ way: Way) throws {
    let count = way == .ring ? 20_000 : 200
    let cookies = try onTask(way.options) { _ in
      var time = timespec(tv_sec: 0, tv_nsec: 1_000_000)
      return unsafe try withUnsafeMutablePointer(to: &time) { time in
        for cookie in 0..<count { unsafe try Asys.submit(.nanosleep(time, cookie: UInt64(cookie))) }
        var completions: [Completion] = []
        while completions.count < count {
          try Asys.awaitCompletions(minimum: 1, maximum: 100, into: &completions)
        }
        return completions.filter { $0.result == 0 }.map(\.cookie)
      }
    }
    #expect(cookies.count == count && Set(cookies).count == count)
  }

  @Test func severalMayWaitForAllThereIs() throws {
    let collected = try onTask { task in
      let log = SchedulingTests.Log()
      var time = timespec(tv_sec: 0, tv_nsec: 1_000_000)
      return unsafe try withUnsafeMutablePointer(to: &time) { time in
        for _ in 0..<10 { unsafe try Asys.submit(.nanosleep(time)) }
        for _ in 0..<3 {
          try task.spawn {
            var completions: [Completion] = []
            _ = try? Asys.awaitCompletions(minimum: .max, into: &completions)
            for _ in completions { log.lines.append("") }
          }
        }
        task.joinAll()
        return log.lines.count
      }
    }
    #expect(collected == 10)
  }

  /// Each ends when it has spawned the next, so somebody is always runnable and nobody ever blocks.
  @Test func successorsDoNotStarveCalls() throws {
    let generations = try onTask { task in
      final class Flag { var done = false; var generations = 0 }
      let flag = Flag()
      func continueUntilDone() {
        flag.generations += 1
        if !flag.done { try! Fibril.spawn { continueUntilDone() } }
      }
      try task.spawn {
        try? Fibril.sleep(for: .milliseconds(1))
        flag.done = true
      }
      try task.spawn { continueUntilDone() }
      task.joinAll()
      return flag.generations
    }
    #expect(generations > 0)
  }

  @Test func yieldersDoNotStarveCalls() throws {
    let turns = try onTask { task in
      final class Flag { var done = false; var turns = 0 }
      let flag = Flag()
      try task.spawn {
        try? Fibril.sleep(for: .milliseconds(1))
        flag.done = true
      }
      for _ in 0..<2 {
        try task.spawn {
          while !flag.done {
            flag.turns += 1
            Fibril.yield()
          }
        }
      }
      task.joinAll()
      return flag.turns
    }
    #expect(turns > 0)
  }
}
