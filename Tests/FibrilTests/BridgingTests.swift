import Fibril
import Glibc
import Synchronization
import Testing

enum Local {
  @TaskLocal static var value = 0
}

@Suite struct BridgingTests {
  struct Failure: Error, Equatable {}

  final class Arrivals: Sendable {
    private let count = Atomic(0)
    func note() -> Int { count.wrappingAdd(1, ordering: .relaxed).newValue }
  }

  @Test func asyncCodeAwaitsAFibrilsResult() async throws {
    let group = try FibrilGroup(tasks: 2)
    let pipe = TestPipe()
    async let text = group.run(name: "reader") { try pipe.readByCall() }
    try await group.run { pipe.write("across") }
    #expect(try await text == "across")
    await #expect(throws: Failure()) { try await group.run { () throws -> Int in throw Failure() } }
    group.close()
    await #expect(throws: FibrilError.self) { try await group.run {} }
  }

  /// More blocking closures at once than the async code's thread pool has threads.
  @Test func closuresThatBlockTakeNoThreadOfThePool() async throws {
    let group = try FibrilGroup(tasks: 1)
    let all = FibrilSemaphore(permits: 0)
    let arrived = Arrivals()
    let sum = try await withThrowingTaskGroup(of: Int.self) { tasks in
      for index in 0..<500 {
        tasks.addTask {
          try await group.run {
            if arrived.note() == 500 {
              for _ in 0..<500 { all.release() }
            }
            try all.acquire()
            return index
          }
        }
      }
      return try await tasks.reduce(0, +)
    }
    #expect(sum == 499 * 500 / 2)
    group.close()
  }

  @Test func aCancelledSwiftTaskCancelsItsFibril() async throws {
    let group = try FibrilGroup(tasks: 1)
    let isWaiting = FibrilSemaphore(permits: 0)
    let task = Task {
      try await group.run {
        isWaiting.release()
        try Fibril.block()
      }
    }
    try await group.run { try isWaiting.acquire() }
    task.cancel()
    await #expect(throws: WaitError.cancelled) { try await task.value }
    // Cancelled before it began.
    let late = Task {
      while !Task.isCancelled { await Task.yield() }
      try await group.run { try Fibril.block() }
    }
    late.cancel()
    await #expect(throws: WaitError.cancelled) { try await late.value }
    group.close()
  }

  /// The fibrils of the group may need those of the task from which it is closed.
  @Test func closingAGroupBlocksTheFibrilOnly() throws {
    let wasReleased = try onTask { task in
      let group = try FibrilGroup(tasks: 1)
      let permit = FibrilSemaphore(permits: 0)
      final class Flag: @unchecked Sendable { var wasReleased = false }
      let flag = Flag()
      try group.spawn { flag.wasReleased = (try? permit.acquire(until: .after(.seconds(5)))) != nil }
      try task.spawn { permit.release() }
      group.close()
      return flag.wasReleased
    }
    #expect(wasReleased)
  }

  /// Then nobody waits for the end of its threads.
  @Test func theLastToHoldAGroupMayBeAFibrilOfIt() throws {
    final class Witness: Sendable {
      let whenGone: FibrilSemaphore
      init(_ whenGone: FibrilSemaphore) { self.whenGone = whenGone }
      deinit { whenGone.release() }
    }
    let (start, isGone) = (FibrilSemaphore(permits: 0), FibrilSemaphore(permits: 0))
    func spawn() throws {
      let group = try FibrilGroup(tasks: 2)
      let witness = Witness(isGone)
      try group.spawn { [group, witness] in
        try? start.acquire()
        withExtendedLifetime((group, witness)) {}
      }
    }
    try spawn()
    start.release()
    try isGone.acquire()
  }

  /// And not whichever fibril of the task ran last: `parent` of `struct fibril_entry`.
  @Test func whoSpawnsOnAnotherTaskIsTheParent() throws {
    let group = try FibrilGroup(tasks: 1)
    @Sendable func spawn() throws -> UInt64 {
      final class Seen: @unchecked Sendable { var parent: UInt64 = 0 }
      let (seen, done) = (Seen(), FibrilSemaphore(permits: 0))
      try group.spawn {
        seen.parent = unsafe UnsafePointer<UInt64>(bitPattern: UInt(WakeTarget.current.words.entry) + 80)!.pointee
        done.release()
      }
      try done.acquire()
      return seen.parent
    }
    let byThread = try spawn()
    let (byFibril, fibril) = try onTask { _ in (try spawn(), Fibril.currentID) }
    group.close()
    #expect(byThread == 0)
    #expect(byFibril == fibril)
  }

  /// Neither from the task that awaits to the fibril, nor between fibrils that set them in turn.
  @Test func taskLocalValuesDoNotLeakBetweenFibrils() async throws {
    let group = try FibrilGroup(tasks: 1)
    let seen = try await Local.$value.withValue(7) {
      try await group.run { () throws -> [Int] in
        final class Log { var seen: [Int] = [] }
        let log = Log()
        log.seen.append(Local.value)
        try Fibril.withScope { scope in
          for index in 1...3 {
            try scope.spawn {
              Local.$value.withValue(index * 10) {
                Fibril.yield()
                log.seen.append(Local.value)
                Local.$value.withValue(index * 100) {
                  Fibril.yield()
                  log.seen.append(Local.value)
                }
                Fibril.yield()
                log.seen.append(Local.value)
              }
              log.seen.append(Local.value)
            }
          }
          Fibril.yield()
          log.seen.append(Local.value)
        }
        return log.seen
      }
    }
    #expect(seen.first == 0)
    #expect(seen.filter { $0 == 0 }.count == 5)
    for index in 1...3 {
      #expect(seen.filter { $0 == index * 10 }.count == 2)
      #expect(seen.filter { $0 == index * 100 }.count == 1)
    }
    group.close()
  }

  @Test func jobsOfAnExecutorRunOnTheTasksThread() async throws {
    let group = try FibrilGroup(tasks: 1)
    let thread = try await group.run { pthread_self() }
    let executor = group.tasks[0].executor
    let threads = await withTaskExecutorPreference(executor) {
      var threads: Set<pthread_t> = [pthread_self()]
      for _ in 0..<10 {
        await Task.yield()
        threads.insert(pthread_self())
      }
      return threads
    }
    #expect(threads == [thread])
    let (value, other) = try await Local.$value.withValue(5) {
      try await withTaskExecutorPreference(executor) { (Local.value, try await group.run { Local.value }) }
    }
    #expect((value, other) == (5, 0))
    group.close()
  }

  @Test func aJobThatParksStopsTheProgram() async throws {
    let result = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
      let group = try FibrilGroup(tasks: 1)
      await withTaskExecutorPreference(group.tasks[0].executor) { try? Fibril.sleep(for: .milliseconds(1)) }
    }
    let message = String(decoding: try #require(result).standardErrorContent, as: UTF8.self)
    #expect(message.contains("a Swift job on a FibrilExecutor would park its fibril"))
  }

  @Test func aGroupSpreadsItsFibrilsAndTheyWakeEachOther() throws {
    let group = try FibrilGroup(tasks: 3)
    let threads = FibrilChannel<pthread_t>(capacity: 6)
    let sums = FibrilChannel<Int>(capacity: 6)
    let channel = FibrilChannel<Int>(capacity: 2)
    for index in 0..<6 {
      try group.spawn {
        try? threads.send(pthread_self())
        if index % 2 == 0 {
          for number in 0..<100 { try? channel.send(number) }
        } else {
          var sum = 0
          for _ in 0..<100 { sum += (try? channel.receive()) ?? -1 }
          try? sums.send(sum)
        }
      }
    }
    group.close()
    threads.close()
    sums.close()
    var seen: [pthread_t: Int] = [:]
    while let thread = try threads.receive() { seen[thread, default: 0] += 1 }
    var total = 0
    while let sum = try sums.receive() { total += sum }
    #expect(seen.values.sorted() == [2, 2, 2])
    #expect(total == 3 * 4950)
    #expect(throws: FibrilError.self) { try group.spawn {} }
  }

  /// A fibril would see the values of the Swift task, and so would the next one.
  @Test func aSwiftTaskIsNoPlaceForAFibrilTask() async {
    #expect(throws: FibrilError.self) { _ = try FibrilTask() }
  }
}
