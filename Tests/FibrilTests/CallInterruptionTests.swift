import Fibril
import Glibc
import Testing

/// The threads of this process that are helpers, of whatever task.
func helperThreads() -> [pid_t] {
  guard let directory = unsafe opendir("/proc/self/task") else { return [] }
  defer { unsafe closedir(directory) }
  var found: [pid_t] = []
  while let entry = unsafe readdir(directory) {
    let name = unsafe withUnsafeBytes(of: &entry.pointee.d_name) {
      unsafe String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
    }
    guard let thread = pid_t(name) else { continue }
    let comm = unsafe open("/proc/self/task/\(thread)/comm", O_RDONLY)
    defer { close(comm) }
    var text = [UInt8](repeating: 0, count: 16)
    let count = unsafe read(comm, &text, 16)
    if String(decoding: text.prefix(max(0, count)), as: UTF8.self) == "fibril-helper\n" { found.append(thread) }
  }
  return found
}

/// A pending call can be interrupted at every moment: it ends once, and with -EINTR unless it was done.
@Suite struct CallInterruptionTests {
  /// Submits reads of as many empty pipes, with cookies from 0, and hands them to `body`.
  private static func withReads<Value: Sendable>(
    _ count: Int, _ way: Way, _ body: @escaping @Sendable (borrowing FibrilTask, [TestPipe]) throws -> Value
  ) throws -> Value {
    try onTask(way.options) { task in
      let pipes = (0..<count).map { _ in TestPipe() }
      let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 16, alignment: 1)
      defer {
        // Nothing may be written here any more.
        precondition(Asys.pendingCalls == 0)
        unsafe buffer.deallocate()
      }
      for (index, pipe) in pipes.enumerated() {
        unsafe try Asys.submit(.read(pipe.reading, into: buffer, cookie: UInt64(index)))
      }
      return try body(task, pipes)
    }
  }

  @Test(arguments: Way.allCases) func callsAreCancelledByCookie(_ way: Way) throws {
    let (interrupted, none, completions, counts) = try Self.withReads(3, way) { task, pipes in
      let interrupted = Asys.cancel(cookie: 1)
      let none = Asys.cancel(cookie: 7)
      var completions: [Completion] = []
      try Asys.awaitCompletions(into: &completions)
      for pipe in [pipes[0], pipes[2]] {
        pipe.write("ab")
        try Asys.awaitCompletions(into: &completions)
      }
      return (interrupted, none, completions, task.counts)
    }
    #expect(interrupted == 1 && none == 0)
    #expect(
      completions == [
        Completion(cookie: 1, result: -Int64(EINTR)), Completion(cookie: 0, result: 2),
        Completion(cookie: 2, result: 2),
      ])
    #expect(counts.submits == 3 && counts.teardowns == 3 && counts.blocks == counts.wakes)
  }

  @Test(arguments: Way.allCases) func allCallsAreCancelled(_ way: Way) throws {
    let (count, again, completions) = try Self.withReads(50, way) { _, _ in
      let count = Asys.cancelAll()
      let again = Asys.cancelAll()
      var completions: [Completion] = []
      try Asys.awaitCompletions(minimum: 50, into: &completions)
      return (count, again, completions)
    }
    #expect(count == 50)
    #expect(again <= 50)  // those that had not ended yet
    #expect(completions.allSatisfy { $0.result == -Int64(EINTR) })
    #expect(Set(completions.map(\.cookie)) == Set(0..<50))
  }

  @Test(arguments: Way.allCases) func aCancelledFibrilsCallReturnsEINTR(_ way: Way) throws {
    let (codes, late) = try onTask(way.options) { task in
      let pipe = TestPipe()
      final class Codes { var codes: [Int32] = [] }
      let seen = Codes()
      let fibril = try task.spawn {
        for _ in 0..<2 {
          do {
            _ = try pipe.readByCall()
          } catch let error as SystemCallError {
            seen.codes.append(error.code)
          } catch {}
        }
        // A call that need not wait is not touched by it.
        pipe.write("x")
        _ = try? pipe.readByCall()
        seen.codes.append(0)
      }
      Fibril.yield()
      fibril.cancel()
      try fibril.join()
      return (seen.codes, task.counts.blocks == task.counts.wakes)
    }
    #expect(codes == [EINTR, EINTR, 0])
    #expect(late)
  }

  @Test(arguments: Way.allCases) func aCallEndsAtItsDeadline(_ way: Way) throws {
    let (code, read) = try onTask(way.options) { _ in
      let pipe = TestPipe()
      let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 16, alignment: 1)
      defer { unsafe buffer.deallocate() }
      var code: Int32 = 0
      do {
        unsafe try Asys.call(.read(pipe.reading, into: buffer), deadline: .after(.milliseconds(3)))
      } catch let error as SystemCallError {
        code = error.code
      }
      pipe.write("now")
      return (code, unsafe try Asys.call(.read(pipe.reading, into: buffer), deadline: .after(.seconds(60))))
    }
    #expect(code == ETIMEDOUT)
    #expect(read == 3)
  }

  /// What is left of a sleep is told, as by the bare call; and a bad time is refused.
  @Test(arguments: Way.allCases) func anInterruptedSleepSaysWhatIsLeft(_ way: Way) throws {
    let (completions, left, refused) = try onTask(way.options) { _ in
      let times = UnsafeMutablePointer<timespec>.allocate(capacity: 3)
      defer { unsafe times.deallocate() }
      unsafe times.initialize(repeating: timespec(tv_sec: 100, tv_nsec: 0), count: 2)
      unsafe (times + 1).pointee = timespec()
      unsafe (times + 2).initialize(to: timespec(tv_sec: 0, tv_nsec: 1_000_000_000))
      let word = { (index: Int) in unsafe UInt64(UInt(bitPattern: times + index)) }
      try Asys.submit(SystemCall(.nanosleep, word(0), word(1), cookie: 5))
      try Asys.submit(SystemCall(.nanosleep, word(2), cookie: 6))
      try Asys.submit(SystemCall(.nanosleep, 8, cookie: 7))
      var refused: [Completion] = []
      try Asys.awaitCompletions(minimum: 2, into: &refused)
      _ = Asys.cancel(cookie: 5)
      var completions: [Completion] = []
      try Asys.awaitCompletions(into: &completions)
      return (completions, unsafe times[1].tv_sec, Set(refused.map(\.result)))
    }
    #expect(completions == [Completion(cookie: 5, result: -Int64(EINTR))])
    #expect((90..<100).contains(left))
    #expect(refused == [-Int64(EINVAL), -Int64(EFAULT)])
  }

  /// A write that has filled the pipe says how much it wrote.
  @Test(arguments: Way.allCases) func anInterruptedWriteSaysHowMuchIsWritten(_ way: Way) throws {
    let results = try onTask(way.options) { _ in
      let pipe = TestPipe()
      let size = 1 << 20
      let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: size, alignment: 1)
      defer { unsafe buffer.deallocate() }
      unsafe buffer.initializeMemory(as: UInt8.self, repeating: 1)
      unsafe try Asys.submit(.write(pipe.writing, from: UnsafeRawBufferPointer(buffer), cookie: 1))
      var held: Int32 = 0
      while held < 65536 {
        Fibril.yield()
        _ = unsafe ioctl(pipe.reading, UInt(FIONREAD), &held)
      }
      _ = Asys.cancelAll()
      var completions: [Completion] = []
      try Asys.awaitCompletions(into: &completions)
      return completions.map(\.result)
    }
    #expect(results == [65536])
  }

  @Test(arguments: Way.allCases) func theEndOfATaskInterruptsItsCalls(_ way: Way) throws {
    let pipes = (0..<300).map { _ in TestPipe() }
    let intact = try onThread {
      let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 16, alignment: 1)
      defer { unsafe buffer.deallocate() }
      unsafe buffer.initializeMemory(as: UInt8.self, repeating: 7)
      do {
        let task = try FibrilTask(options: way.options)
        for pipe in pipes { unsafe try Asys.submit(.read(pipe.reading, into: buffer)) }
        _ = task.id
      }
      // The task is gone: what is written now is for nobody.
      for pipe in pipes { pipe.write("late") }
      return unsafe buffer.allSatisfy { $0 == 7 }
    }
    #expect(intact)
  }

  /// Calls by helpers that a signal may hit before they begin, within and after them. Whoever is missed
  /// waits for ever, and a signal that comes too late would end the next call.
  @Test func interruptionsAtAnyMomentAreNeitherMissedNorDouble() throws {
    let (outcomes, ends) = try onTask(Way.helpers.options) { task in
      let pipes = (0..<4).map { _ in TestPipe() }
      let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 16, alignment: 1)
      defer { unsafe buffer.deallocate() }
      var generator = SystemRandomNumberGenerator()
      var outcomes: [Int64: Int] = [:]
      var ends: [UInt64: Int] = [:]
      var completions: [Completion] = []
      for round in 0..<1500 {
        for (index, pipe) in pipes.enumerated() {
          unsafe try Asys.submit(.read(pipe.reading, into: buffer, cookie: UInt64(round * 4 + index)))
        }
        for _ in 0..<Int.random(in: 0..<3000, using: &generator) { unsafe buffer[0] &+= 1 }
        // One of them may be done at the same moment.
        if round % 3 == 0 { pipes[round % 4].write(".") }
        for index in 0..<4 { _ = Asys.cancel(cookie: UInt64(round * 4 + index)) }
        completions.removeAll(keepingCapacity: true)
        try Asys.awaitCompletions(minimum: 4, into: &completions)
        for completion in completions {
          outcomes[completion.result, default: 0] += 1
          ends[completion.cookie, default: 0] += 1
        }
        // An interruption of the last round that is still under way would end this one.
        var byte: UInt8 = 0
        if round % 3 == 0, !completions.contains(where: { $0.result == 1 }) {
          _ = unsafe read(pipes[round % 4].reading, &byte, 1)
        }
      }
      return (outcomes, ends)
    }
    #expect(Set(outcomes.keys).isSubset(of: [-Int64(EINTR), 1]))
    #expect(outcomes[-Int64(EINTR), default: 0] >= 1500 * 4 - 500)
    #expect(ends.count == 6000 && ends.values.allSatisfy { $0 == 1 })
  }

  /// A signal from elsewhere does not end a call, nor does one that comes with the interruption.
  @Test func strangersSignalsInterruptNothing() throws {
    let signal = FibrilTask.Options.defaultInterruptSignal
    #if arch(x86_64)
      let tgkill = SystemCall.Number(rawValue: 234)
    #else
      let tgkill = SystemCall.Number(rawValue: 131)
    #endif
    let (text, results) = try onTask(Way.helpers.options) { task in
      let pipe = TestPipe()
      let other = TestPipe()
      let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 16, alignment: 1)
      defer { unsafe buffer.deallocate() }
      unsafe try Asys.submit([
        .read(pipe.reading, into: buffer, cookie: 1), .read(other.reading, into: buffer, cookie: 2),
      ])
      // The handler is there from here on.
      _ = Asys.cancel(cookie: 2)
      var completions: [Completion] = []
      try Asys.awaitCompletions(into: &completions)
      for _ in 0..<50 {
        for thread in helperThreads() {
          _ = try? Asys.call(SystemCall(tgkill, UInt64(getpid()), UInt64(thread), UInt64(signal)))
        }
        usleep(100)
      }
      pipe.write("still")
      try Asys.awaitCompletions(into: &completions)
      return (unsafe String(decoding: buffer.prefix(5), as: UTF8.self), completions.map(\.result))
    }
    #expect(text == "still")
    #expect(results == [-Int64(EINTR), 5])
  }

  @Test func aSignalThatTheProgramHandlesIsRefused() throws {
    var options = FibrilTask.Options()
    options.interruptSignal = FibrilTask.Options.defaultInterruptSignal + 3
    var ignored = sigaction()
    unsafe ignored.__sigaction_handler.sa_handler = { _ in }
    unsafe sigaction(options.interruptSignal, &ignored, nil)
    defer { _ = signal(options.interruptSignal, SIG_DFL) }
    var error: FibrilError?
    do { try onTask(options) { _ in } } catch let thrown as FibrilError { error = thrown }
    #expect(error?.code == EBUSY)
    options.interruptSignal = SIGUSR1
    do { try onTask(options) { _ in } } catch let thrown as FibrilError { error = thrown }
    #expect(error?.code == EINVAL)
  }
}
