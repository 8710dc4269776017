import ExceptionShim
import Fibril
import Glibc
import Testing

/// The pool of helper threads: it grows with what is held, and shrinks again.
@Suite struct CallHelperTests {
  @Test func idleHelpersEnd() throws {
    let (most, completions, left) = try onTask(Way.helpers.options) { _ in
      let pipes = (0..<20).map { _ in TestPipe() }
      let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 16, alignment: 1)
      defer { unsafe buffer.deallocate() }
      for pipe in pipes { unsafe try Asys.submit(.read(pipe.reading, into: buffer)) }
      for _ in 0..<5000 where Asys.helperThreads < 20 { usleep(1000) }
      let most = Asys.helperThreads
      for pipe in pipes { pipe.write(".") }
      var completions: [Completion] = []
      try Asys.awaitCompletions(minimum: 20, into: &completions)
      for _ in 0..<60_000 where Asys.helperThreads > 0 { usleep(1000) }
      let left = Asys.helperThreads
      // And there is one again when there is need of it.
      unsafe try Asys.submit(.read(pipes[0].reading, into: buffer))
      pipes[0].write(".")
      try Asys.awaitCompletions(into: &completions)
      return (most, completions.map(\.result), left)
    }
    #expect(most == 20)
    #expect(left == 0)
    #expect(completions == [Int64](repeating: 1, count: 21))
  }

  /// Whether they are interrupted before a helper has them, or there.
  @Test(arguments: [false, true]) func interruptedCallsAreWithNoHelper(_ hasBegun: Bool) throws {
    let (code, left) = try onTask(Way.helpers.options) { task in
      final class Seen { var code: Int32 = 0 }
      let seen = Seen()
      let pipe = TestPipe()
      let fibril = try task.spawn {
        do { _ = try pipe.readByCall() } catch { seen.code = (error as? SystemCallError)?.code ?? -1 }
      }
      Fibril.yield()  // calls go to helpers when the task sleeps
      if hasBegun { try Fibril.sleep(for: .milliseconds(2)) }
      fibril.cancel()
      try fibril.join()
      return (seen.code, Asys.callsWithHelpers)
    }
    #expect(code == EINTR)
    #expect(left == 0)
  }

  /// It lies on every thread's stack.
  @Test func helpersHaveRoomForTheProgramsThreadLocalMemory() throws {
    let (stalls, helpers) = try onTask(Way.helpers.options) { task in
      let directory = unsafe open("/", O_RDONLY | O_CLOEXEC)
      defer { close(directory) }
      precondition(unsafe exception_shim_thread_local() != nil)
      try Asys.call(SystemCall(.flock, UInt64(directory), UInt64(LOCK_SH)))
      return (task.counts.inlineStalls, Asys.helperThreads)
    }
    #expect(stalls == 0)
    #expect(helpers == 1)
  }

  /// After a change of identity there are new helpers; calls of the old ones can still be interrupted.
  @Test func callsOfReplacedHelpersAreInterrupted() throws {
    let results = try onTask(Way.helpers.options) { _ in
      let pipes = (0..<3).map { _ in TestPipe() }
      let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 16, alignment: 1)
      defer { unsafe buffer.deallocate() }
      for (index, pipe) in pipes.enumerated() {
        unsafe try Asys.submit(.read(pipe.reading, into: buffer, cookie: UInt64(index)))
        try Asys.call(SystemCall(.prctl, 38, 1))  // PR_SET_NO_NEW_PRIVS
      }
      let counts = (0..<3).map { Asys.cancel(cookie: UInt64($0)) }
      var completions: [Completion] = []
      try Asys.awaitCompletions(minimum: 3, into: &completions)
      return counts.map(Int64.init) + completions.map(\.result)
    }
    #expect(results == [1, 1, 1, -Int64(EINTR), -Int64(EINTR), -Int64(EINTR)])
  }

  /// Waits with a mask, and for signals, are interrupted too, though they would keep the signal out.
  @Test func waitsWithAMaskAreInterrupted() throws {
    let results = try onTask(Way.helpers.options) { _ in
      var all: UInt64 = .max
      return unsafe try withUnsafeMutablePointer(to: &all) { all in
        let mask = UInt64(UInt(bitPattern: all))
        let epoll = UInt64(try Asys.call(.epoll_create1()))
        defer { close(CInt(epoll)) }
        var pair = (mask, UInt64(8))
        return unsafe try withUnsafeMutableBytes(of: &pair) { pair in
          let room = UnsafeMutableRawPointer.allocate(byteCount: 64, alignment: 8)
          defer { unsafe room.deallocate() }
          let pairAddress = UInt64(UInt(bitPattern: pair.baseAddress))
          try Asys.submit([
            SystemCall(.ppoll, 0, 0, 0, mask, 8, cookie: 1),
            SystemCall(.pselect6, 0, 0, 0, 0, 0, pairAddress, cookie: 1),
            SystemCall(
              .epoll_pwait, epoll, UInt64(UInt(bitPattern: room)), 1, UInt64(bitPattern: -1), mask, 8, cookie: 1),
            SystemCall(.rt_sigtimedwait, mask, 0, 0, 8, cookie: 1),
          ])
          let count = Asys.cancel(cookie: 1)
          var completions: [Completion] = []
          try Asys.awaitCompletions(minimum: 4, into: &completions)
          return [Int64(count)] + completions.map(\.result)
        }
      }
    }
    #expect(results == [4] + [Int64](repeating: -Int64(EINTR), count: 4))
  }
}
