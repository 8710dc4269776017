import Fibril
import Glibc
import Testing

@Suite struct CancellationTests {
  /// The dump would show it with whatever the fibril waits for next: `owner` of `struct fibril_entry`.
  @Test func aMutexThatWasNotWaitedForLeavesNoOwner() throws {
    let (error, owner) = try onTask { task in
      let mutex = FibrilMutex()
      final class Log { var error: WaitError?; var owner: UInt64? }
      let log = Log()
      try mutex.lock()
      let fibril = try task.spawn {
        log.error = thrown { () throws(WaitError) in try mutex.lock() }
        log.owner = unsafe UnsafePointer<UInt64>(bitPattern: UInt(WakeTarget.current.words.entry) + 104)!.pointee
      }
      fibril.cancel()
      task.joinAll()
      mutex.unlock()
      return (log.error, log.owner)
    }
    #expect(error == .cancelled)
    #expect(owner == 0)
  }

  /// What is there may be enough for who comes after the one that was cancelled.
  @Test func aCancelledCollectorLetsTheNextOneHaveItsOwn() throws {
    let (error, count) = try onTask { task in
      let pipes = [TestPipe(), TestPipe()]
      final class Log { var error: WaitError?; var count = 0 }
      let log = Log()
      let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: 2, alignment: 1)
      for index in 0..<2 {
        try unsafe Asys.submit(.read(pipes[index].reading, into: .init(rebasing: memory[index..<index + 1])))
      }
      let first = try task.spawn {
        var done: [Completion] = []
        log.error = thrown { () throws(WaitError) in try Asys.awaitCompletions(minimum: 2, into: &done) }
      }
      try task.spawn {
        var done: [Completion] = []
        log.count = (try? Asys.awaitCompletions(minimum: 1, into: &done)) ?? 0
      }
      Fibril.yield()
      pipes[0].write("a")
      while Asys.pendingCalls > 1 { try Fibril.sleep(for: .microseconds(100)) }
      first.cancel()
      // In each of them whoever can run does.
      for _ in 0..<3 { try Fibril.sleep(for: .microseconds(1)) }
      let count = log.count
      pipes[1].write("b")
      task.joinAll()
      while Asys.pendingCalls > 0 { try Fibril.sleep(for: .microseconds(100)) }
      unsafe memory.deallocate()
      return (log.error, count)
    }
    #expect(error == .cancelled)
    #expect(count == 1)
  }

  /// Each way in which a fibril can wait, other than in a call.
  enum Wait: String, CaseIterable, Sendable, CustomTestStringConvertible {
    case sleep, wakeTarget, mutex, semaphore, condition, send, receive, join

    var testDescription: String { rawValue }

    /// Waits for what does not come; returns why the wait ended.
    func perform() -> WaitError? {
      switch self {
      case .sleep: return thrown { () throws(WaitError) in try Fibril.sleep(for: .seconds(1000)) }
      case .wakeTarget: return thrown { () throws(WaitError) in try Fibril.block() }
      case .mutex:
        let mutex = FibrilMutex()
        let holder = try! Fibril.spawn {
          try! mutex.lock()
          try? Fibril.block()
          mutex.unlock()
        }
        Fibril.yield()
        defer { holder.cancel() }
        return thrown { () throws(WaitError) in try mutex.lock() }
      case .semaphore:
        let semaphore = FibrilSemaphore(permits: 0)
        return thrown { () throws(WaitError) in try semaphore.acquire() }
      case .condition:
        let mutex = FibrilMutex()
        try! mutex.lock()
        let error = thrown { () throws(WaitError) in try FibrilCondition().wait(mutex) }
        return mutex.ownerID == Fibril.currentID ? error : nil
      case .send:
        let channel = FibrilChannel<Int>(capacity: 1)
        try! channel.send(1)
        let error = thrown { () throws(FibrilChannel<Int>.SendError) in try channel.send(2) }
        guard case .wait(let wait) = error else { return nil }
        return wait
      case .receive:
        return thrown { () throws(WaitError) in _ = try FibrilChannel<Int>(capacity: 1).receive() }
      case .join:
        let sleeper = try! Fibril.spawn { try? Fibril.block() }
        let target = sleeper.wakeTarget
        defer { target.cancel() }
        do {
          try sleeper.join()
          return nil
        } catch {
          return error
        }
      }
    }
  }

  final class Seen { var errors: [WaitError?] = [] }

  @Test(arguments: Wait.allCases) func aWaitEnds(_ wait: Wait) throws {
    let (errors, counts) = try onTask { task in
      let seen = Seen()
      let fibril = try task.spawn { seen.errors.append(wait.perform()) }
      for _ in 0..<4 { Fibril.yield() }
      fibril.cancel()
      try fibril.join()
      task.joinAll()
      return (seen.errors, task.counts)
    }
    #expect(errors == [.cancelled])
    #expect(counts.blocks == counts.wakes)
  }

  @Test(arguments: Wait.allCases) func aCancelledFibrilDoesNotBeginToWait(_ wait: Wait) throws {
    let errors = try onTask { task in
      let seen = Seen()
      let fibril = try task.spawn { seen.errors.append(wait.perform()) }
      fibril.cancel()
      try fibril.join()
      task.joinAll()
      return seen.errors
    }
    #expect(errors == [.cancelled])
  }

  @Test func anotherThreadCancels() throws {
    let errors = try onTask { task in
      let seen = Seen()
      let fibril = try task.spawn { seen.errors.append(Wait.sleep.perform()) }
      let target = fibril.wakeTarget
      let canceller = try TestThread { target.cancel() }
      try fibril.join()
      try canceller.join()
      target.cancel()  // late: there is nobody
      return seen.errors
    }
    #expect(errors == [.cancelled])
  }

  @Test func aShieldHoldsItOffAndLaterWaitsFeelIt() throws {
    let (inside, after, isCancelled) = try onTask { task in
      final class Log { var inside: WaitError?; var after: WaitError?; var isCancelled = false }
      let log = Log()
      let fibril = try task.spawn {
        Fibril.withoutCancellation {
          log.inside = thrown { () throws(WaitError) in try Fibril.sleep(for: .milliseconds(2)) }
        }
        log.isCancelled = Fibril.isCancelled
        log.after = thrown { () throws(WaitError) in try Fibril.block() }
      }
      Fibril.yield()
      fibril.cancel()
      try fibril.join()
      return (log.inside, log.after, log.isCancelled)
    }
    #expect(inside == nil)
    #expect(isCancelled)
    #expect(after == .cancelled)
  }

  /// Sleepers, each with its own time, of which every third is cancelled: each wakes once, and those
  /// that sleep to the end wake in the order of their deadlines.
  @Test(arguments: Way.allCases) func manyDeadlinesAndCancellations(_ way: Way) throws {
    let (ends, order, counts) = try onTask(way.options) { task in
      final class Log { var ends: [Int: WaitError?] = [:]; var order: [UInt64] = [] }
      let log = Log()
      var generator = SystemRandomNumberGenerator()
      let start = Deadline.now
      var fibrils: [WakeTarget] = []
      for index in 0..<600 {
        let microseconds = UInt64.random(in: 1..<30_000, using: &generator)
        fibrils.append(
          try task.spawn {
            let deadline = Deadline.after(.microseconds(Int64(microseconds)))
            let error = thrown { () throws(WaitError) in try Fibril.block(until: deadline) }
            log.ends[index] = .some(error)
            if error == .timedOut { log.order.append(Deadline.now < deadline ? 0 : microseconds) }
          }.wakeTarget)
      }
      Fibril.yield()
      for index in stride(from: 0, to: 600, by: 3) { fibrils[index].cancel() }
      for index in stride(from: 1, to: 600, by: 3) { fibrils[index].wake() }
      task.joinAll()
      _ = start
      return (log.ends, log.order, task.counts)
    }
    #expect(ends.count == 600)
    #expect(stride(from: 2, to: 600, by: 3).allSatisfy { ends[$0] == .some(.timedOut) })
    #expect(stride(from: 0, to: 600, by: 3).allSatisfy { ends[$0] != .some(.none) })
    #expect(!order.contains(0))
    #expect(counts.blocks == counts.wakes)
    #expect(counts.submits == counts.teardowns)
  }
}
