import Fibril
import Testing

@Suite struct ScopeTests {
  struct Failure: Error, Equatable { var number: Int }
  final class Log { var ended: [Int] = []; var errors: [any Error] = [] }

  @Test func aScopeEndsAfterItsChildren() throws {
    let ended = try onTask { task in
      let log = Log()
      let value = try Fibril.withScope { scope in
        for index in 0..<10 {
          try scope.spawn {
            try Fibril.sleep(for: .milliseconds(Int64(10 - index)))
            log.ended.append(index)
            if index == 9 { try scope.spawn { log.ended.append(10) } }
          }
        }
        return 42
      }
      return value == 42 ? log.ended.count : -1
    }
    #expect(ended == 11)
  }

  @Test func theFirstErrorCancelsTheOthersAndComesOut() throws {
    let (error, cancelled, counts) = try onTask { task in
      let log = Log()
      var thrown: (any Error)?
      do {
        try Fibril.withScope { scope in
          for index in 0..<5 {
            try scope.spawn {
              do {
                if index == 3 { throw Failure(number: 3) }
                try Fibril.block()
              } catch {
                log.errors.append(error)
                throw error
              }
            }
          }
        }
      } catch {
        thrown = error
      }
      return (thrown as? Failure, log.errors.filter { $0 as? WaitError == .cancelled }.count, task.counts)
    }
    #expect(error == Failure(number: 3))
    #expect(cancelled == 4)
    #expect(counts.submits == counts.teardowns)
  }

  @Test func anErrorOfTheBlockItselfCancelsToo() throws {
    let (error, ended) = try onTask { task in
      let log = Log()
      var thrown: (any Error)?
      do {
        try Fibril.withScope { scope in
          try scope.spawn {
            try? Fibril.block()
            log.ended.append(1)
          }
          throw Failure(number: 1)
        }
      } catch {
        thrown = error
      }
      return (thrown as? Failure, log.ended)
    }
    #expect(error == Failure(number: 1))
    #expect(ended == [1])
  }

  @Test func aScopeIsCancelledWithItsFibrilAndAtItsDeadline() throws {
    let (errors, ended) = try onTask { task in
      let log = Log()
      let scope = { (deadline: Deadline) in
        do {
          try Fibril.withScope(until: deadline) { scope in
            try scope.spawn {
              try? Fibril.block()
              log.ended.append(0)
            }
          }
        } catch {
          log.errors.append(error)
        }
      }
      let fibril = try task.spawn { scope(.never) }
      Fibril.yield()
      fibril.cancel()
      try fibril.join()
      scope(.after(.milliseconds(1)))
      return (log.errors.map { $0 as? WaitError }, log.ended.count)
    }
    #expect(errors == [.cancelled, .timedOut])
    #expect(ended == 2)
  }
}
