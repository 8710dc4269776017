import Fibril
import Glibc
import Testing

@Suite struct SignalTests {
  /// Both come before either fibril runs again.
  @Test(arguments: Way.allCases) func fibrilsThatWaitForTheSameSignalsGetOneEach(_ way: Way) throws {
    let seen = try onTask(way.options) { task in
      final class Shared {
        let signals: FibrilSignals
        var seen: [Int32] = []
        init() throws { signals = try FibrilSignals([SIGUSR1, SIGUSR2]) }
      }
      let shared = try Shared()
      for _ in 0..<2 { try task.spawn { shared.seen.append((try? shared.signals.next()) ?? -1) } }
      Fibril.yield()
      pthread_kill(pthread_self(), SIGUSR1)
      pthread_kill(pthread_self(), SIGUSR2)
      task.joinAll()
      return shared.seen.sorted()
    }
    #expect(seen == [SIGUSR1, SIGUSR2])
  }

  /// Sent to the thread itself, so that no other thread of the test runner can take them.
  @Test(arguments: Way.allCases) func aFibrilWaitsForSignals(_ way: Way) throws {
    let (seen, isBlockedAfter) = try onTask(way.options) { task in
      final class Log { var seen: [Int32] = [] }
      let log = Log()
      let thread = pthread_self()
      try task.spawn {
        guard let signals = try? FibrilSignals([SIGUSR1, SIGUSR2]) else { return }
        Fibril.yield()
        for _ in 0..<3 { log.seen.append((try? signals.next()) ?? -1) }
      }
      Fibril.yield()
      pthread_kill(thread, SIGUSR1)
      try Fibril.sleep(for: .milliseconds(1))
      pthread_kill(thread, SIGUSR2)
      try Fibril.sleep(for: .milliseconds(1))
      pthread_kill(thread, SIGUSR1)
      task.joinAll()
      var mask = sigset_t()
      unsafe pthread_sigmask(SIG_BLOCK, nil, &mask)
      return (log.seen, unsafe sigismember(&mask, SIGUSR1))
    }
    #expect(seen == [SIGUSR1, SIGUSR2, SIGUSR1])
    // As it was before: the runner's own threads may block signals, and theirs inherit that.
    #expect(isBlockedAfter == isBlockedBefore())
  }

  private func isBlockedBefore() -> CInt {
    var mask = sigset_t()
    unsafe pthread_sigmask(SIG_BLOCK, nil, &mask)
    return unsafe sigismember(&mask, SIGUSR1)
  }

  @Test(arguments: [0, SIGKILL, SIGSTOP, 65, -1]) func whatCanNotBeWaitedForIsAnError(_ number: Int32) throws {
    let error = try onTask { _ in
      do throws(FibrilError) {
        _ = try FibrilSignals([number])
        return FibrilError?.none
      } catch {
        return error
      }
    }
    #expect(error?.code == EINVAL)
    #expect(error?.action == "wait for signal \(number)")
  }
}
