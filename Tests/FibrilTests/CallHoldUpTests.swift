import Fibril
import Glibc
import Testing

/// Calls that wait for another party never hold up the task's other fibrils.
@Suite struct CallHoldUpTests {
  /// Makes `call` in one fibril and lets another one run for a while; `release` then ends the wait.
  /// Returns the order of events and the call's result. `rescue` is called after 10 s, for a call that
  /// holds up everybody.
  private static func order(
    _ way: Way, _ call: @escaping () throws -> Int, release: @escaping () -> Void,
    rescue: @escaping @Sendable () -> Void
  ) throws -> (order: [String], result: Int) {
    let done = TestPipe()
    let watchdog = try TestThread {
      var descriptor = pollfd(fd: done.reading, events: Int16(POLLIN), revents: 0)
      if unsafe poll(&descriptor, 1, 10_000) == 0 { rescue() }
    }
    final class Seen { var order: [String] = []; var result = 0 }
    let seen = Seen()
    try Fibril.spawn {
      do { seen.result = try call() } catch { seen.result = -Int((error as? SystemCallError)?.code ?? 1) }
      seen.order.append("called")
    }
    try Fibril.spawn {
      for turn in 0..<3 {
        try? Fibril.sleep(for: .milliseconds(1))
        seen.order.append("turn \(turn)")
      }
      release()
    }
    while seen.order.count < 4 { try Fibril.sleep(for: .milliseconds(1)) }
    done.write(".")
    try watchdog.join()
    return (seen.order, seen.result)
  }

  private static let expected = ["turn 0", "turn 1", "turn 2", "called"]

  @Test(arguments: Way.allCases) func openingAFifo(_ way: Way) throws {
    let seen = try onTask(way.options) { task in
      let path = "/tmp/fibril-holdup-\(getpid())-\(task.id)"
      precondition(unsafe mkfifo(path, 0o600) == 0)
      defer { unsafe unlink(path) }
      let openOtherEnd: @Sendable () -> Void = { close(unsafe open(path, O_RDWR | O_NONBLOCK)) }
      return try Self.order(
        way,
        {
          let descriptor = unsafe try path.withCString {
            unsafe try Asys.call(.openat(AT_FDCWD, $0, flags: O_RDONLY | O_CLOEXEC))
          }
          close(Int32(descriptor))
          return 0
        }, release: openOtherEnd, rescue: openOtherEnd)
    }
    #expect(seen.order == Self.expected)
    #expect(seen.result == 0)
  }

  @Test(arguments: Way.allCases) func readingATerminal(_ way: Way) throws {
    let seen = try onTask(way.options) { _ in
      let master = unsafe open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC)
      var (unlocked, number): (CInt, CInt) = (0, -1)
      // TIOCSPTLCK and TIOCGPTN
      precondition(unsafe ioctl(master, 0x4004_5431, &unlocked) == 0 && ioctl(master, 0x8004_5430, &number) == 0)
      let slave = unsafe open("/dev/pts/\(number)", O_RDWR | O_NOCTTY | O_CLOEXEC)
      precondition(slave >= 0)
      defer { close(master); close(slave) }
      let type: @Sendable () -> Void = { _ = unsafe Glibc.write(master, "hi\n", 3) }
      return try Self.order(
        way,
        {
          let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 16, alignment: 1)
          defer { unsafe buffer.deallocate() }
          return unsafe try Asys.call(.read(slave, into: buffer))
        }, release: type, rescue: type)
    }
    #expect(seen.order == Self.expected)
    #expect(seen.result == 3)
  }

  @Test(arguments: Way.allCases) func lockingALockedFile(_ way: Way) throws {
    let seen = try onTask(way.options) { task in
      let path = "/tmp/fibril-locked-\(getpid())-\(task.id)"
      let holder = unsafe open(path, O_CREAT | O_RDWR | O_CLOEXEC, 0o600)
      let other = unsafe open(path, O_RDWR | O_CLOEXEC)
      unsafe unlink(path)
      defer { close(holder); close(other) }
      precondition(flock(holder, LOCK_EX) == 0)
      return try Self.order(
        way, { try Asys.call(SystemCall(.flock, UInt64(other), UInt64(LOCK_EX))) }, release: { flock(holder, LOCK_UN) },
        rescue: { flock(holder, LOCK_UN) })
    }
    #expect(seen.order == Self.expected)
    #expect(seen.result == 0)
  }

  /// A FUSE file system whose server never answers, in a mount namespace of this thread alone.
  /// FUSE asks its server also for a poll that does not wait: by a helper, then, where files may hang.
  @Test(arguments: Way.allCases, [true, false]) func aPollThatDoesNotWait(_ way: Way, _ runsInline: Bool) throws {
    var options = way.options
    options.runsFileCallsInline = runsInline
    let (result, events, blocks) = try onTask(options) { task in
      let pipe = TestPipe()
      pipe.write("ready")
      var polled = pollfd(fd: pipe.reading, events: Int16(POLLIN), revents: 0)
      let result = unsafe try withUnsafeMutablePointer(to: &polled) { polled in
        try Asys.call(SystemCall(.poll, UInt64(UInt(bitPattern: polled)), 1, 0))
      }
      return (result, polled.revents, task.counts.blocks)
    }
    #expect(result == 1)
    #expect(events == Int16(POLLIN))
    // In turn only where nothing is mounted that may hang.
    #expect(runsInline ? blocks <= 1 : blocks == 1)
  }

  @Test(arguments: Way.allCases) func aFileSystemThatHangs(_ way: Way) throws {
    let seen = try onTask(way.options) { task -> (order: [String], result: Int)? in
      let server = unsafe open("/dev/fuse", O_RDWR | O_CLOEXEC)
      _ = try Asys.call(SystemCall(.unshare, 0x20000))  // CLONE_NEWNS
      guard server >= 0, unsafe mount(nil, "/", nil, UInt(MS_REC) | UInt(MS_PRIVATE), nil) == 0 else { return nil }
      let directory = "/tmp/fibril-fuse-\(getpid())-\(way)"
      unsafe mkdir(directory, 0o700)
      defer { unsafe rmdir(directory) }
      let options = "fd=\(server),rootmode=40000,user_id=0,group_id=0"
      guard unsafe mount("hangs", directory, "fuse", UInt(MS_NOSUID), options) == 0 else { return nil }
      // Without its server the file system fails.
      let seen = try Self.order(
        way,
        {
          var status = stat()
          return unsafe try withUnsafeMutableBytes(of: &status) { status in
            unsafe try "\(directory)/file".withCString {
              unsafe try Asys.call(.newfstatat(AT_FDCWD, $0, into: status.baseAddress!, flags: 0))
            }
          }
        }, release: { close(server) }, rescue: { close(server) })
      unsafe umount2(directory, CInt(MNT_DETACH))
      return seen
    }
    let what = try #require(seen, "no FUSE here, or not the right to mount: run as root")
    #expect(what.order == Self.expected)
    #expect(what.result < 0)
  }

  /// A socket that lingers waits, as it is closed, until its peer has taken everything.
  @Test(arguments: Way.allCases) func closingASocketThatLingers(_ way: Way) throws {
    let seen = try onTask(way.options) { _ in
      let (mine, other) = try Self.connectedByTCP()
      defer { close(other) }
      var linger = linger(l_onoff: 1, l_linger: 60)
      let bytes = socklen_t(MemoryLayout.size(ofValue: linger))
      precondition(unsafe setsockopt(mine, SOL_SOCKET, SO_LINGER, &linger, bytes) == 0)
      let filler = [UInt8](repeating: 0, count: 1 << 16)
      precondition(fcntl(mine, F_SETFL, O_NONBLOCK) == 0)
      while unsafe send(mine, filler, filler.count, 0) > 0 {}
      let drain: @Sendable () -> Void = {
        let sink = UnsafeMutableRawPointer.allocate(byteCount: 1 << 16, alignment: 1)
        while unsafe recv(other, sink, 1 << 16, 0) > 0 {}
        unsafe sink.deallocate()
      }
      return try Self.order(way, { try Asys.call(.close(mine)) }, release: drain, rescue: drain)
    }
    #expect(seen.order == Self.expected)
    #expect(seen.result == 0)
  }

  private static func connectedByTCP() throws -> (CInt, CInt) {
    let listener = socket(AF_INET, CInt(SOCK_STREAM.rawValue), 0)
    defer { close(listener) }
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
    var bytes = socklen_t(MemoryLayout<sockaddr_in>.size)
    let mine = socket(AF_INET, CInt(SOCK_STREAM.rawValue), 0)
    return unsafe withUnsafeMutablePointer(to: &address) { address in
      unsafe address.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
        precondition(unsafe bind(listener, address, bytes) == 0 && listen(listener, 1) == 0)
        precondition(unsafe getsockname(listener, address, &bytes) == 0)
        precondition(unsafe connect(mine, address, bytes) == 0)
        return (mine, accept(listener, nil, nil))
      }
    }
  }

  /// io_uring has few workers for names: those that a hung file system holds are missed by the others.
  @Test(arguments: Way.allCases) func manyNamesOnAFileSystemThatHangs(_ way: Way) throws {
    let results = try onTask(way.options) { task -> [Completion]? in
      let server = unsafe open("/dev/fuse", O_RDWR | O_CLOEXEC)
      _ = try Asys.call(SystemCall(.unshare, 0x20000))  // CLONE_NEWNS
      guard server >= 0, unsafe mount(nil, "/", nil, UInt(MS_REC) | UInt(MS_PRIVATE), nil) == 0 else { return nil }
      let directory = "/tmp/fibril-fuse-names-\(getpid())-\(way)"
      unsafe mkdir(directory, 0o700)
      defer { unsafe rmdir(directory) }
      let options = "fd=\(server),rootmode=40000,user_id=0,group_id=0"
      guard unsafe mount("hangs", directory, "fuse", UInt(MS_NOSUID), options) == 0 else { return nil }
      let hanging = unsafe strdup("\(directory)/file")!
      let other = unsafe strdup("/tmp/fibril-none-\(getpid())")!
      defer { unsafe free(hanging); unsafe free(other) }
      for _ in 0..<64 {
        try Asys.submit(SystemCall(.unlinkat, UInt64(bitPattern: Int64(AT_FDCWD)), UInt64(UInt(bitPattern: hanging))))
      }
      try Asys.submit(
        SystemCall(.unlinkat, UInt64(bitPattern: Int64(AT_FDCWD)), UInt64(UInt(bitPattern: other)), cookie: 1))
      var done: [Completion] = []
      try Asys.awaitCompletions(deadline: .after(.seconds(10)), into: &done)
      close(server)
      unsafe umount2(directory, CInt(MNT_DETACH))
      return done
    }
    let completions = try #require(results, "no FUSE here, or not the right to mount: run as root")
    #expect(completions == [Completion(cookie: 1, result: -Int64(ENOENT))])
  }
}
