import Fibril
import Glibc
import Testing

/// What io_uring, a helper or an attempt does otherwise than the bare call, and may not.
@Suite struct CallEqualityTests {
  private static func result(_ call: SystemCall, deadline: Deadline = .never) -> Int {
    do throws(SystemCallError) {
      return try Asys.call(call, deadline: deadline)
    } catch {
      return -Int(error.code)
    }
  }

  @Test func aSleepWithoutATimeIsAFault() throws {
    let results = try onTask { _ in
      [
        Self.result(SystemCall(.nanosleep, 0)),
        Self.result(SystemCall(.clock_nanosleep, UInt64(CLOCK_MONOTONIC), 0, 0)),
      ]
    }
    #expect(results == [-Int(EFAULT), -Int(EFAULT)])
  }

  @Test func whatIsLeftOfAVeryLongSleep() throws {
    let left = try onTask { task -> Int in
      let times = UnsafeMutablePointer<timespec>.allocate(capacity: 2)
      defer { unsafe times.deallocate() }
      let asked = Int.max / 2
      unsafe times[0] = timespec(tv_sec: asked, tv_nsec: 0)
      unsafe times[1] = timespec()
      let call = unsafe SystemCall(
        .nanosleep, UInt64(UInt(bitPattern: times)), UInt64(UInt(bitPattern: times + 1)), cookie: 7)
      try Asys.submit(call)
      Asys.cancel(cookie: 7)
      var done: [Completion] = []
      try Asys.awaitCompletions(into: &done)
      precondition(done == [Completion(cookie: 7, result: -Int64(EINTR))])
      return unsafe asked - times[1].tv_sec
    }
    #expect((0...60).contains(left))
  }

  @Test(arguments: Way.allCases) func aWriteOfNothingSendsAnEmptyDatagram(_ way: Way) throws {
    let results = try onTask(way.options) { _ in
      var ends: [CInt] = [0, 0]
      precondition(unsafe socketpair(AF_UNIX, Int32(SOCK_DGRAM.rawValue), 0, &ends) == 0)
      defer { for end in ends { close(end) } }
      let buffer = UnsafeMutableRawPointer.allocate(byteCount: 16, alignment: 16)
      defer { unsafe buffer.deallocate() }
      let words = UInt64(UInt(bitPattern: buffer))
      return unsafe [
        Self.result(SystemCall(.write, UInt64(ends[0]), words, 0)),
        recv(ends[1], buffer, 16, CInt(MSG_DONTWAIT)),
      ]
    }
    #expect(results == [0, 0])
  }

  @Test(arguments: Way.allCases) func aSocketsOwnTimeoutEndsItsCalls(_ way: Way) throws {
    let results = try onTask(way.options) { _ in
      var ends: [CInt] = [0, 0]
      precondition(unsafe socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0, &ends) == 0)
      defer { for end in ends { close(end) } }
      var time = timeval(tv_sec: 0, tv_usec: 20_000)
      for option in [SO_RCVTIMEO, SO_SNDTIMEO] {
        unsafe setsockopt(ends[0], SOL_SOCKET, option, &time, socklen_t(MemoryLayout<timeval>.size))
      }
      let bytes = 4 << 20
      let buffer = UnsafeMutableRawPointer.allocate(byteCount: bytes, alignment: 16)
      defer { unsafe buffer.deallocate() }
      var vector = unsafe iovec(iov_base: buffer, iov_len: 16)
      return unsafe withUnsafeMutablePointer(to: &vector) { vector in
        let (socket, words) = (UInt64(ends[0]), UInt64(UInt(bitPattern: buffer)))
        let calls = [
          SystemCall(.read, socket, words, 16), SystemCall(.recvfrom, socket, words, 16),
          SystemCall(.readv, socket, UInt64(UInt(bitPattern: vector)), 1),
          SystemCall(.sendto, socket, words, UInt64(bytes)), SystemCall(.write, socket, words, 16),
        ]
        // The deadline only ends a test that fails.
        return calls.map { Self.result($0, deadline: .after(.seconds(10))) }
      }
    }
    let again = -Int(EAGAIN)
    #expect(results[0] == again && results[1] == again && results[2] == again && results[4] == again)
    #expect(results[3] > 0 && results[3] < 4 << 20)
  }

  /// Another directory for this thread, which the workers of io_uring that are there already do not see.
  @Test(arguments: Way.allCases) func aNameIsLookedUpWhereTheThreadIs(_ way: Way) throws {
    let name = "fibril-where-\(getpid())-\(way)"
    defer { unsafe unlink(name) }
    let found = try onTask(way.options) { task -> Bool in
      let directory = "/tmp/\(name)"
      unsafe precondition(mkdir(directory, 0o700) == 0)
      defer { unsafe rmdir(directory) }
      let make: (String) throws -> Void = { path in
        let descriptor = unsafe try path.withCString {
          unsafe try Asys.call(.openat(AT_FDCWD, $0, flags: O_CREAT | O_RDWR, mode: 0o600))
        }
        close(CInt(descriptor))
      }
      try make("\(directory)/first")
      unsafe unlink("\(directory)/first")
      _ = try Asys.call(SystemCall(.unshare, 0x200))  // CLONE_FS
      _ = unsafe try directory.withCString { try Asys.call(SystemCall(.chdir, UInt64(UInt(bitPattern: $0)))) }
      try make(name)
      return unsafe unlink("\(directory)/\(name)") == 0
    }
    #expect(found)
  }

  /// SIGPIPE, which the calling thread blocks: whether it has been sent since the last time.
  private static func takeBrokenPipeSignal() -> Bool {
    var set = sigset_t()
    unsafe sigemptyset(&set)
    unsafe sigaddset(&set, SIGPIPE)
    unsafe pthread_sigmask(SIG_BLOCK, &set, nil)
    var none = timespec()
    return unsafe sigtimedwait(&set, nil, &none) == SIGPIPE
  }

  @Test(arguments: Way.allCases) func aBrokenPipeIsSignalledToWhoWaitsInAWrite(_ way: Way) throws {
    let outcome = try onTask(way.options) { task in
      _ = Self.takeBrokenPipeSignal()
      let bytes = 1 << 16
      let buffer = UnsafeMutableRawPointer.allocate(byteCount: bytes, alignment: 16)
      defer { unsafe buffer.deallocate() }
      var ends: [CInt] = [0, 0]
      unsafe precondition(pipe(&ends) == 0)
      precondition(fcntl(ends[1], F_SETFL, O_NONBLOCK) == 0)
      while unsafe write(ends[1], buffer, bytes) > 0 {}
      precondition(fcntl(ends[1], F_SETFL, 0) == 0)
      try Asys.submit(SystemCall(.write, UInt64(ends[1]), UInt64(UInt(bitPattern: buffer)), UInt64(bytes)))
      for _ in 0..<5 { try Fibril.sleep(for: .milliseconds(1)) }
      close(ends[0])
      var completions: [Completion] = []
      try Asys.awaitCompletions(into: &completions)
      close(ends[1])
      return (completions.map(\.result), Self.takeBrokenPipeSignal())
    }
    #expect(outcome.0 == [-Int64(EPIPE)] && outcome.1)
  }

  @Test(arguments: Way.allCases) func aBrokenSocketIsSignalledToWhoSends(_ way: Way) throws {
    let outcomes = try onTask(way.options) { _ -> [Bool] in
      _ = Self.takeBrokenPipeSignal()
      var ends: [CInt] = [0, 0]
      unsafe precondition(socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0, &ends) == 0)
      close(ends[1])
      defer { close(ends[0]) }
      var byte: UInt8 = 0
      return unsafe withUnsafeMutablePointer(to: &byte) { byte in
        var vector = unsafe iovec(iov_base: byte, iov_len: 1)
        return unsafe withUnsafeMutablePointer(to: &vector) { vector in
          var message = unsafe msghdr()
          unsafe message.msg_iov = unsafe vector
          unsafe message.msg_iovlen = 1
          return unsafe withUnsafeMutablePointer(to: &message) { message in
            [UInt64(0), 0x4000].map { flags in  // MSG_NOSIGNAL
              let call = SystemCall(.sendmsg, UInt64(ends[0]), UInt64(UInt(bitPattern: message)), flags)
              return Self.result(call) == -Int(EPIPE) && Self.takeBrokenPipeSignal()
            }
          }
        }
      }
    }
    #expect(outcomes == [true, false])
  }

  @Test func aSignalToTheThreadIsTakenThere() throws {
    let result = try onTask { _ in
      var set = sigset_t()
      unsafe sigemptyset(&set)
      unsafe sigaddset(&set, SIGUSR2)
      unsafe pthread_sigmask(SIG_BLOCK, &set, nil)
      pthread_kill(pthread_self(), SIGUSR2)
      var time = timespec(tv_sec: 1, tv_nsec: 0)
      return unsafe withUnsafePointer(to: &set) { set in
        unsafe withUnsafePointer(to: &time) { time in
          Self.result(
            SystemCall(.rt_sigtimedwait, UInt64(UInt(bitPattern: set)), 0, UInt64(UInt(bitPattern: time)), 8))
        }
      }
    }
    #expect(result == Int(SIGUSR2))
  }

  @Test func aKeyOfTheThreadIsTheSubmitters() throws {
    let (added, found) = try onTask { _ in
      unsafe "user".withCString { type in
        unsafe "fibril-test".withCString { name in
          let threads = UInt64(bitPattern: -1)  // KEY_SPEC_THREAD_KEYRING
          let words = (UInt64(UInt(bitPattern: type)), UInt64(UInt(bitPattern: name)))
          // KEYCTL_SEARCH
          return (
            Self.result(SystemCall(.add_key, words.0, words.1, words.1, 1, threads)),
            Self.result(SystemCall(.keyctl, 10, threads, words.0, words.1))
          )
        }
      }
    }
    // Where a sandbox has no keys, neither call has.
    #expect(added == found)
  }
}
