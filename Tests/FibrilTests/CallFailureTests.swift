import Fibril
import Glibc
import Testing

/// What the system refuses: io_uring, threads, descriptors, memory. Limits hold for a whole process, and that of
/// threads counts also those that an exit test has: so most of these run in a child that an exit test forks. The
/// status with which both exit says which of the child's expectations failed.
@Suite(.serialized) struct CallFailureTests {
  /// Ends this process with what `inChild` returns on a thread that is no task.
  private static func exitAsChild(_ body: @escaping @Sendable () throws -> Int32) throws -> Never {
    exit(try onThread { inChild(body) })
  }

  private static func limit(_ resource: __rlimit_resource_t, to value: Int) {
    var limit = rlimit(rlim_cur: rlim_t(value), rlim_max: rlim_t(value))
    unsafe setrlimit(resource, &limit)
  }

  /// For the calling thread alone io_uring_setup fails with EPERM from here on, as where a sandbox or
  /// /proc/sys/kernel/io_uring_disabled forbids it.
  private static func forbidIOUring() throws {
    struct Instruction { var code: UInt16, ifTrue: UInt8, ifFalse: UInt8, value: UInt32 }
    let instructions = [
      Instruction(code: 0x20, ifTrue: 0, ifFalse: 0, value: 0),  // the number
      Instruction(code: 0x15, ifTrue: 0, ifFalse: 1, value: UInt32(SystemCall.Number.io_uring_setup.rawValue)),
      Instruction(code: 0x06, ifTrue: 0, ifFalse: 0, value: 0x0005_0000 | UInt32(EPERM)),
      Instruction(code: 0x06, ifTrue: 0, ifFalse: 0, value: 0x7fff_0000),
    ]
    let task = try FibrilTask(options: Way.helpers.options)
    try unsafe instructions.withUnsafeBufferPointer { instructions in
      var filter = (UInt64(instructions.count), UInt64(UInt(bitPattern: instructions.baseAddress)))
      try unsafe withUnsafeMutableBytes(of: &filter) { filter in
        try Asys.call(SystemCall(.prctl, 38, 1))  // PR_SET_NO_NEW_PRIVS
        // SECCOMP_SET_MODE_FILTER
        try Asys.call(SystemCall(.seccomp, 1, 0, UInt64(UInt(bitPattern: filter.baseAddress))))
      }
    }
    task.joinAll()
  }

  @Test func withoutIOUringCallsGoToHelpers() throws {
    let (status, text, setup) = try onThread {
      try Self.forbidIOUring()
      let task = try FibrilTask()
      let pipe = TestPipe()
      var text = ""
      let reader = try task.spawn { text = (try? pipe.readByCall()) ?? "failed" }
      Fibril.yield()
      pipe.write("read")
      try reader.join()
      var setup: Int32 = 0
      do { try Asys.call(SystemCall(.io_uring_setup, 8, 0)) } catch let error as SystemCallError { setup = error.code }
      return (try CallTests.helperStatus(), text, setup)
    }
    #expect(setup == EPERM)
    #expect(text == "read")
    #expect(status.contains("Name:\tfibril-helper"))
  }

  @Test func withoutDescriptorsThereIsNoTask() async {
    await #expect(processExitsWith: .exitCode(0)) {
      try Self.exitAsChild {
        Self.limit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), to: 3)
        do {
          _ = try FibrilTask()
          return 1
        } catch let error as FibrilError {
          return error.code == EMFILE && "\(error)".hasSuffix("Too many open files") ? 0 : 2
        }
      }
    }
  }

  @Test(arguments: Way.allCases) func withoutDescriptorsCallsSaySo(_ way: Way) async {
    await #expect(processExitsWith: .exitCode(0)) { [way] in
      try Self.exitAsChild {
        let task = try FibrilTask(options: way.options)
        Self.limit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), to: 3)
        var codes: [Int32] = []
        for _ in 0..<2 {
          do {
            _ = unsafe try "/".withCString { unsafe try Asys.call(.openat(AT_FDCWD, $0, flags: O_RDONLY)) }
          } catch let error as SystemCallError {
            codes.append(error.code)
          }
          do { try Asys.call(SystemCall(.eventfd2)) } catch let error as SystemCallError { codes.append(error.code) }
        }
        task.joinAll()
        return codes == [EMFILE, EMFILE, EMFILE, EMFILE] ? 0 : 1
      }
    }
  }

  /// RLIMIT_NPROC counts the threads of a user, and does not bind root.
  private static func limitThreads(to count: Int) -> Bool {
    limit(6, to: count)  // RLIMIT_NPROC
    return setuid(64_999) == 0
  }

  @Test func atTheThreadLimitCallsWaitForAHelper() async {
    await #expect(processExitsWith: .exitCode(0), "77: run as root") {
      try Self.exitAsChild {
        let task = try FibrilTask(options: Way.helpers.options)
        let pipes = (0..<6).map { _ in TestPipe() }
        guard Self.limitThreads(to: 3) else { return 77 }
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 16, alignment: 1)
        defer { unsafe buffer.deallocate() }
        for (index, pipe) in pipes.enumerated() {
          unsafe try Asys.submit(.read(pipe.reading, into: buffer, cookie: UInt64(index)))
        }
        // This thread and two helpers; four calls wait.
        for _ in 0..<2000 where Asys.callsWaitingForHelpers != 4 { usleep(1000) }
        guard Asys.helperThreads == 2, Asys.callsWaitingForHelpers == 4 else { return 1 }
        // One that waits is taken out at once; the others get their turns.
        guard Asys.cancel(cookie: 5) == 1, Asys.pendingCalls == 5 else { return 2 }
        for pipe in pipes.dropLast() { pipe.write("x") }
        var completions: [Completion] = []
        try Asys.awaitCompletions(minimum: 6, into: &completions)
        task.joinAll()
        let results = completions.sorted { $0.cookie < $1.cookie }.map(\.result)
        return results == [1, 1, 1, 1, 1, -Int64(EINTR)] ? 0 : 3
      }
    }
  }

  /// A limit that is lifted is noticed, also if nothing else happens in the task.
  @Test func afterTheThreadLimitCallsGetTheirHelpers() async {
    await #expect(processExitsWith: .exitCode(0), "77: run as root") {
      try Self.exitAsChild {
        let task = try FibrilTask(options: Way.helpers.options)
        let pipes = (0..<3).map { _ in TestPipe() }
        var limit = rlimit()
        unsafe getrlimit(__rlimit_resource_t(6), &limit)
        limit.rlim_cur = 2
        unsafe setrlimit(__rlimit_resource_t(6), &limit)
        guard setuid(64_998) == 0 else { return 77 }
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 16, alignment: 1)
        defer { unsafe buffer.deallocate() }
        for (index, pipe) in pipes.enumerated() {
          unsafe try Asys.submit(.read(pipe.reading, into: buffer, cookie: UInt64(index)))
        }
        for _ in 0..<2000 where Asys.callsWaitingForHelpers != 2 { usleep(1000) }
        guard Asys.helperThreads == 1, Asys.callsWaitingForHelpers == 2 else { return 1 }
        limit.rlim_cur = limit.rlim_max
        unsafe setrlimit(__rlimit_resource_t(6), &limit)
        // The call of the one helper there is does not end before.
        pipes[2].write("x")
        var completions: [Completion] = []
        try Asys.awaitCompletions(deadline: .after(.seconds(10)), into: &completions)
        for pipe in pipes.dropLast() { pipe.write("x") }
        task.joinAll()
        return completions == [Completion(cookie: 2, result: 1)] ? 0 : 2
      }
    }
  }

  /// Better that the task waits than that the call never happens.
  @Test func withoutAnyHelperCallsRunInTurn() async {
    await #expect(processExitsWith: .exitCode(0), "77: run as root") {
      try Self.exitAsChild {
        let task = try FibrilTask(options: Way.helpers.options)
        guard Self.limitThreads(to: 1) else { return 77 }
        let directory = unsafe open("/", O_RDONLY)
        let locked = try Asys.call(SystemCall(.flock, UInt64(directory), UInt64(LOCK_SH)))
        let stalls = task.counts.inlineStalls
        return locked == 0 && stalls == 1 && Asys.helperThreads == 0 ? 0 : 1
      }
    }
  }

  /// While anything else can run, a call waits for its first helper and holds up nobody.
  @Test func withoutAnyHelperTheOtherFibrilsGoOn() async {
    await #expect(processExitsWith: .exitCode(0), "77: run as root") {
      try Self.exitAsChild {
        let task = try FibrilTask(options: Way.helpers.options)
        guard Self.limitThreads(to: 1) else { return 77 }
        let pipe = TestPipe()
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1, alignment: 1)
        defer { unsafe buffer.deallocate() }
        try unsafe Asys.submit(.read(pipe.reading, into: buffer, cookie: 1))
        try unsafe Asys.submit(.read(pipe.reading, into: buffer, cookie: 2))
        Asys.cancel(cookie: 1)
        try Fibril.spawn { pipe.write("x") }
        var completions: [Completion] = []
        try Asys.awaitCompletions(minimum: 2, into: &completions)
        guard task.counts.inlineStalls == 1, Asys.helperThreads == 0 else { return 1 }
        return completions == [Completion(cookie: 1, result: -Int64(EINTR)), Completion(cookie: 2, result: 1)] ? 0 : 2
      }
    }
  }

  @Test func withoutMemoryTheCallsBeforeAreSubmitted() async {
    await #expect(processExitsWith: .exitCode(0)) {
      try Self.exitAsChild {
        let task = try FibrilTask()
        let pipe = TestPipe()
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1, alignment: 1)
        defer { unsafe buffer.deallocate() }
        var completions: [Completion] = []
        completions.reserveCapacity(200_000)
        let calls = (0..<200_000).map { unsafe SystemCall.read(pipe.reading, into: buffer, cookie: UInt64($0)) }
        let pages = { () -> Int in
          var text = [UInt8](repeating: 0, count: 64)
          let file = unsafe open("/proc/self/statm", O_RDONLY)
          defer { close(file) }
          let count = unsafe read(file, &text, 64)
          return Int(String(decoding: text.prefix(max(0, count)), as: UTF8.self).split(separator: " ").first ?? "0")
            ?? 0
        }()
        // Room for 16,384 entries and some.
        Self.limit(__rlimit_resource_t(RLIMIT_AS.rawValue), to: pages * 4096 + 4 << 20 + 100_000)
        do {
          try Asys.submit(calls)
          return 1
        } catch let error as FibrilError {
          let pending = Asys.pendingCalls
          guard error.code == ENOMEM, pending > 1000, pending < 200_000 else { return 2 }
          guard error.action.contains("\(pending) calls") else { return 3 }
          Asys.cancelAll()
          try Asys.awaitCompletions(minimum: pending, into: &completions)
          task.joinAll()
          return completions.count == pending && Set(completions.map(\.cookie)).count == pending ? 0 : 4
        }
      }
    }
  }

  /// A deadline and the event it waits for at the same moment: the call ends once, one way or the other,
  /// and no byte is lost.
  @Test(arguments: Way.allCases) func aDeadlineThatRacesWithTheEventLosesNothing(_ way: Way) throws {
    let (read, timeouts, left, counts) = try onTask(way.options) { task in
      let pipe = TestPipe()
      let go = TestPipe()
      let writer = try TestThread {
        var delay: UInt8 = 0
        for _ in 0..<400 {
          _ = unsafe Glibc.read(go.reading, &delay, 1)
          usleep(UInt32(delay))
          pipe.write(".")
        }
      }
      let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1, alignment: 1)
      defer { unsafe buffer.deallocate() }
      var (read, timeouts) = (0, 0)
      for round in 0..<400 {
        go.write(String(UnicodeScalar(UInt8(round % 120))))
        do {
          unsafe try Asys.call(.read(pipe.reading, into: buffer), deadline: .after(.microseconds(round * 7 % 200)))
          read += 1
        } catch let error as SystemCallError {
          guard error.code == ETIMEDOUT else { throw error }
          timeouts += 1
        }
      }
      try writer.join()
      var left: CInt = 0
      _ = unsafe ioctl(pipe.reading, UInt(FIONREAD), &left)
      return (read, timeouts, Int(left), task.counts)
    }
    #expect(read + timeouts == 400)
    #expect(read + left == 400)
    #expect(counts.blocks == counts.wakes)
  }
}
