import Fibril
import Glibc
import Testing

/// Where the fibrils and threads that take part in a test run.
enum Place: String, CaseIterable, Sendable, CustomTestStringConvertible {
  case oneTask, twoTasks, plainThreads

  var testDescription: String { rawValue }

  /// Runs `body` four times at once, in four fibrils or threads.
  func run(_ body: @escaping @Sendable (Int) -> Void) throws {
    switch self {
    case .oneTask: try onThread { try Place.runOnTask(0..<4, body) }
    case .twoTasks:
      let other = try TestThread { try Place.runOnTask(0..<2, body) }
      try onThread { try Place.runOnTask(2..<4, body) }
      try other.join()
    case .plainThreads:
      let threads = try (0..<4).map { index in try TestThread { body(index) } }
      for thread in threads { try thread.join() }
    }
  }

  private static func runOnTask(_ indices: Range<Int>, _ body: @escaping @Sendable (Int) -> Void) throws {
    let task = try FibrilTask()
    for index in indices { try task.spawn(name: "participant-\(index)") { body(index) } }
    task.joinAll()
  }
}

/// Counted without any protection but that of the mutex under test.
private final class Unprotected: @unchecked Sendable {
  var value = 0
}

@Suite struct SynchronizationTests {
  /// Two fibrils that hand a permit to and fro leave the task never without a runnable one.
  @Test(arguments: Way.allCases) func waitersDoNotStarveTheRest(_ way: Way) throws {
    let (wasSeen, ran) = try onTask(way.options) { task in
      final class Seen: @unchecked Sendable { var timer = false; var order = false; var isOver = false }
      let seen = Seen()
      let (there, back) = (FibrilSemaphore(permits: 0), FibrilSemaphore(permits: 0))
      try task.spawn {
        try! Fibril.sleep(for: .microseconds(100))
        seen.timer = true
      }
      try task.spawn {
        while !seen.isOver {
          try! there.acquire()
          back.release()
        }
      }
      Fibril.yield()
      try task.remote.spawn { seen.order = true }
      var rounds = 0
      while !seen.timer || !seen.order, rounds < 200_000 {
        there.release()
        try back.acquire()
        rounds += 1
      }
      let result = (seen.timer, seen.order)
      seen.isOver = true
      there.release()
      task.joinAll()
      return result
    }
    #expect(wasSeen)
    #expect(ran)
  }

  @Test(arguments: Place.allCases) func aMutexLetsInOneAtATime(_ place: Place) throws {
    let mutex = FibrilMutex()
    let counter = Unprotected()
    try place.run { _ in
      for round in 0..<2000 {
        try! mutex.lock()
        let seen = counter.value
        if round % 64 == 0, place != .plainThreads { Fibril.yield() }
        counter.value = seen + 1
        mutex.unlock()
      }
    }
    #expect(counter.value == 8000)
    #expect(mutex.ownerID == nil)
  }

  @Test func aMutexKnowsItsOwnerAndGoesToWhoWaitedLongest() throws {
    let (owner, order) = try onTask { task in
      let mutex = FibrilMutex()
      final class Log { var order: [Int] = []; var owner: UInt64? }
      let log = Log()
      try mutex.lock()
      for index in 0..<3 {
        try task.spawn {
          try! mutex.lock()
          log.order.append(index)
          Fibril.yield()
          mutex.unlock()
        }
      }
      Fibril.yield()
      log.owner = mutex.ownerID
      let isMine = log.owner == Fibril.currentID && !mutex.tryLock()
      mutex.unlock()
      task.joinAll()
      return (isMine, log.order)
    }
    #expect(owner)
    #expect(order == [0, 1, 2])
  }

  @Test(arguments: Place.allCases) func aSemaphoreHandsOutNoMoreThanItHas(_ place: Place) throws {
    let semaphore = FibrilSemaphore(permits: 2)
    let mutex = FibrilMutex()
    let inside = Unprotected()
    let most = Unprotected()
    try place.run { _ in
      for _ in 0..<500 {
        try! semaphore.acquire()
        try! mutex.withLock {
          inside.value += 1
          most.value = max(most.value, inside.value)
        }
        if place != .plainThreads { Fibril.yield() }
        try! mutex.withLock { inside.value -= 1 }
        semaphore.release()
      }
    }
    #expect(inside.value == 0)
    // Fibrils of one task yield inside, so that a second one comes in for certain.
    #expect(place == .oneTask ? most.value == 2 : most.value <= 2)
    #expect(semaphore.tryAcquire() && semaphore.tryAcquire() && !semaphore.tryAcquire())
  }

  @Test(arguments: Place.allCases) func aChannelLosesNothingAndKeepsTheOrder(_ place: Place) throws {
    let channel = FibrilChannel<(sender: Int, number: Int)>(capacity: 3)
    let sums = [Unprotected(), Unprotected()]
    let isInOrder = [Unprotected(), Unprotected()]
    try place.run { index in
      if index % 2 == 0 {
        for number in 1...1000 { try! channel.send((index / 2, number)) }
      } else {
        var last = [0, 0]
        for _ in 1...1000 {
          let (sender, number) = try! channel.receive()!
          if number < last[sender] { isInOrder[index / 2].value = 1 }
          last[sender] = number
          sums[index / 2].value += number
        }
      }
    }
    #expect(sums[0].value + sums[1].value == 2 * 1000 * 1001 / 2)
    #expect(isInOrder.allSatisfy { $0.value == 0 })
  }

  /// Who waits is served before who comes later, though it has not run yet.
  @Test func anElementGoesToWhoWaitedForIt() throws {
    let received = try onTask { task in
      let channel = FibrilChannel<Int>(capacity: 2)
      final class Log { var received: [Int?] = [nil, nil] }
      let log = Log()
      for index in 0..<2 { try task.spawn { log.received[index] = try? channel.receive() } }
      Fibril.yield()
      try channel.send(1)
      try channel.send(2)
      let rest = thrown { () throws(WaitError) in _ = try channel.receive(until: .now) }
      task.joinAll()
      return rest == .timedOut ? log.received : []
    }
    #expect(received == [1, 2])
  }

  @Test func aClosedChannelIsEmptiedAndTakesNothing() throws {
    let (received, error, waited) = try onTask { task in
      let channel = FibrilChannel<Int>(capacity: 2)
      final class Seen { var last: Int? = 0 }
      let seen = Seen()
      try channel.send(1)
      try channel.send(2)
      channel.close()
      var received: [Int] = []
      while let number = try channel.receive() { received.append(number) }
      let error = thrown { () throws(FibrilChannel<Int>.SendError) in try channel.send(3) }
      let open = FibrilChannel<Int>(capacity: 1)
      try task.spawn { seen.last = try? open.receive() }
      Fibril.yield()
      open.close()
      task.joinAll()
      return (received, error, seen.last)
    }
    #expect(received == [1, 2])
    #expect(error == .closed)
    #expect(waited == nil)
  }

  @Test(arguments: Place.allCases) func aConditionWakesWhoWaits(_ place: Place) throws {
    let mutex = FibrilMutex()
    let condition = FibrilCondition()
    let turn = Unprotected()
    try place.run { index in
      for round in 0..<200 {
        try! mutex.lock()
        while turn.value != round * 4 + index { try! condition.wait(mutex) }
        turn.value += 1
        condition.broadcast()
        mutex.unlock()
      }
    }
    #expect(turn.value == 800)
  }

  @Test(arguments: Place.allCases) func waitsEndAtTheirDeadline(_ place: Place) throws {
    let mutex = FibrilMutex()
    let semaphore = FibrilSemaphore(permits: 0)
    let condition = FibrilCondition()
    let channel = FibrilChannel<Int>(capacity: 1)
    let ends = (0..<4).map { _ in Unprotected() }
    try channel.send(0)
    let holder = try HeldMutex(mutex)
    try place.run { index in
      let deadline = Deadline.after(.milliseconds(5))
      let own = FibrilMutex()
      var timeouts = 0
      if thrown({ () throws(WaitError) in try mutex.lock(until: deadline) }) == .timedOut { timeouts += 1 }
      if thrown({ () throws(WaitError) in try semaphore.acquire(until: deadline) }) == .timedOut { timeouts += 1 }
      try! own.lock()
      if thrown({ () throws(WaitError) in try condition.wait(own, until: deadline) }) == .timedOut { timeouts += 1 }
      own.unlock()
      let error = thrown { () throws(FibrilChannel<Int>.SendError) in try channel.send(1, until: deadline) }
      if error == .wait(.timedOut) { timeouts += 1 }
      if Deadline.now < deadline { timeouts = -1 }
      ends[index].value = timeouts
    }
    try holder.release()
    #expect(ends.map(\.value) == [4, 4, 4, 4])
    #expect(mutex.tryLock())
    #expect(!semaphore.tryAcquire())
  }
}

/// A mutex that a plain thread holds until it is told.
private final class HeldMutex: Sendable {
  private let thread: TestThread<Void>
  private let end = FibrilSemaphore(permits: 0)

  init(_ mutex: FibrilMutex) throws {
    let held = FibrilSemaphore(permits: 0)
    let end = self.end
    thread = try TestThread {
      try mutex.lock()
      held.release()
      try end.acquire()
      mutex.unlock()
    }
    try held.acquire()
  }

  func release() throws {
    end.release()
    try thread.join()
  }
}
