import Fibril
import Glibc
import Testing

/// Carries a handle over to another thread.
private final class Handle: @unchecked Sendable {
  private var fibril: Fibril?
  init(_ fibril: consuming Fibril) { self.fibril = consume fibril }
  func take() -> Fibril { fibril.take()! }
}

extension Optional where Wrapped: ~Copyable {
  fileprivate mutating func take() -> Wrapped? {
    let value = consume self
    self = nil
    return value
  }
}

private func joinBriefly(_ fibril: consuming Fibril) -> WaitError? {
  do throws(WaitError) {
    try fibril.join(until: .after(.milliseconds(1)))
    return nil
  } catch {
    return error
  }
}

@Suite struct JoinTests {
  /// A permit given at the moment of the deadline is had at once, and the wake that belongs to it comes when
  /// the fibril waits for something else: for another fibril's end, or that of all.
  @Test(arguments: [true, false]) func aLateWakeOfAnEarlierWaitEndsNoJoin(_ isForAll: Bool) throws {
    let hasEnded = try onTask { task in
      final class Flag { var hasEnded = false }
      let flag = Flag()
      let root = WakeTarget.current
      let permit = FibrilSemaphore(permits: 0)
      // As if another thread stood between its request and its push of the entry (`Mailbox.post`).
      setPushing(root, true)
      let giver = try TestThread {
        while !permit.hasWaiters { sched_yield() }
        permit.release()
      }
      while thrown({ () throws(WaitError) in try permit.acquire(until: .after(.milliseconds(20))) }) != nil {}
      try giver.join()
      let child = try task.spawn {
        for _ in 0..<3 { Fibril.yield() }
        flag.hasEnded = true
      }
      try task.spawn {
        setPushing(root, false)
        root.wake()
      }
      if isForAll { task.joinAll() } else { try child.join() }
      return flag.hasEnded
    }
    #expect(hasEnded)
  }

  enum Joiner: String, CaseIterable, Sendable, CustomTestStringConvertible {
    case anotherTask, plainThread
    var testDescription: String { rawValue }
  }

  /// Joined before its end and after it, by a fibril of another task or a plain thread.
  @Test(arguments: Joiner.allCases, [true, false])
  func fromElsewhere(_ joiner: Joiner, _ isEarly: Bool) throws {
    let (ended, counts) = try onTask { task in
      final class Flag: @unchecked Sendable { var ended = false }
      let flag = Flag()
      let semaphore = FibrilSemaphore(permits: 0)
      let fibril = try task.spawn {
        try! semaphore.acquire()
        flag.ended = true
      }
      let handle = Handle(fibril)
      if !isEarly { semaphore.release() }
      Fibril.yield()
      let join = FibrilSemaphore(permits: 0)
      let done = FibrilSemaphore(permits: 0)
      let other = try TestThread {
        let task = joiner == .anotherTask ? try FibrilTask() : nil
        join.release()
        defer { done.release() }
        try handle.take().join()
        _ = consume task
        return flag.ended
      }
      try join.acquire()
      if isEarly { semaphore.release() }
      // The other one's request may come after the end: this task has to be there to answer.
      try done.acquire()
      return (try other.join(), task.counts)
    }
    #expect(ended)
    #expect(counts.submits == counts.teardowns)
  }

  /// A task that is no more has no fibrils that have not ended.
  @Test(arguments: Joiner.allCases) func afterItsTask(_ joiner: Joiner) throws {
    let handle = try onTask { task in Handle(try task.spawn {}) }
    let ended = try onThread {
      let task = joiner == .anotherTask ? try FibrilTask() : nil
      try handle.take().join()
      _ = consume task
      return true
    }
    #expect(ended)
  }

  @Test func aJoinEndsAtItsDeadlineAndTheFibrilGoesOn() throws {
    let (here, there, hasEnded) = try onTask { task in
      final class Flag: @unchecked Sendable { var ended = 0 }
      let flag = Flag()
      let spawn = {
        try Fibril.spawn {
          try? Fibril.sleep(for: .milliseconds(30))
          flag.ended += 1
        }
      }
      let here = joinBriefly(try spawn())
      let handle = Handle(try spawn())
      let there = try TestThread { joinBriefly(handle.take()) }.join()
      task.joinAll()
      return (here, there, flag.ended)
    }
    #expect(here == .timedOut)
    #expect(there == .timedOut)
    #expect(hasEnded == 2)
  }

  /// A handle that is dropped by another thread frees the entry all the same: ids go up, memory does not.
  @Test func aHandleIsDroppedElsewhere() throws {
    let live = try onTask { task in
      for _ in 0..<3000 {
        let handle = Handle(try task.spawn {})
        try TestThread { _ = handle.take() }.join()
        task.joinAll()
      }
      return task.counts
    }
    #expect(live.submits == 3000)
    #expect(live.teardowns == 3000)
  }
}
