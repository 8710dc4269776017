import Fibril
import Glibc
import Testing

/// A submitted call returns what the bare call would have returned, whichever way it went.
@Suite struct CallSemanticsTests {
  /// Runs `body` in a fibril with a connected pair of stream sockets, the first non-blocking if asked.
  private static func withSockets<Value: Sendable>(
    _ way: Way, nonBlocking: Bool = false, _ body: @escaping @Sendable (CInt, CInt) throws -> Value
  ) throws -> Value {
    try onTask(way.options) { _ in
      var ends: [CInt] = [0, 0]
      precondition(unsafe socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0, &ends) == 0)
      defer { for end in ends { close(end) } }
      if nonBlocking { precondition(fcntl(ends[0], F_SETFL, O_NONBLOCK) == 0) }
      return try body(ends[0], ends[1])
    }
  }

  private static func result(
    _ number: SystemCall.Number, _ a: CInt, _ b: UnsafeMutableRawPointer?, _ c: Int, _ d: Int = 0
  ) -> Int {
    let call = SystemCall(
      number, UInt64(a), UInt64(UInt(bitPattern: b)), UInt64(c), UInt64(d))
    do {
      return try Asys.call(call)
    } catch {
      return -Int(error.code)
    }
  }

  @Test(arguments: Way.allCases) func aNonBlockingDescriptorIsNotWaitedFor(_ way: Way) throws {
    let results = try Self.withSockets(way, nonBlocking: true) { mine, _ in
      let buffer = UnsafeMutableRawPointer.allocate(byteCount: 16, alignment: 16)
      defer { unsafe buffer.deallocate() }
      return unsafe [
        Self.result(.read, mine, buffer, 16), Self.result(.recvfrom, mine, buffer, 16),
      ]
    }
    #expect(results == [-Int(EAGAIN), -Int(EAGAIN)])
  }

  @Test(arguments: Way.allCases) func aSendWaitsUntilAllIsSent(_ way: Way) throws {
    let sent = try Self.withSockets(way) { mine, other in
      let bytes = 4 << 20
      let buffer = UnsafeMutableRawPointer.allocate(byteCount: bytes, alignment: 16)
      defer { unsafe buffer.deallocate() }
      let reader = try TestThread {
        let sink = UnsafeMutableRawPointer.allocate(byteCount: 1 << 16, alignment: 16)
        defer { unsafe sink.deallocate() }
        var total = 0
        while true {
          let count = unsafe read(other, sink, 1 << 16)
          if count <= 0 { return total }
          total += count
        }
      }
      let sent = [SystemCall.Number.write, .sendto].map { unsafe Self.result($0, mine, buffer, bytes) }
      shutdown(mine, Int32(SHUT_WR))
      return sent + [try reader.join()]
    }
    #expect(sent == [4 << 20, 4 << 20, 8 << 20])
  }

  @Test(arguments: Way.allCases) func aPositionInAPipeIsRefused(_ way: Way) throws {
    let result = try onTask(way.options) { _ in
      let pipe = TestPipe()
      pipe.write("hello")
      let buffer = UnsafeMutableRawPointer.allocate(byteCount: 16, alignment: 16)
      defer { unsafe buffer.deallocate() }
      return unsafe Self.result(.pread64, pipe.reading, buffer, 16, 0)
    }
    #expect(result == -Int(ESPIPE))
  }

  /// More of them at once than io_uring has workers for what it takes for short.
  @Test(arguments: Way.allCases) func openingAFifoWaitsForTheOtherEnd(_ way: Way) throws {
    let opened = try onTask(way.options) { task in
      let paths = (0..<32).map { "/tmp/fibril-fifo-\(getpid())-\(task.id)-\($0)" }
      for path in paths { precondition(unsafe mkfifo(path, 0o600) == 0) }
      defer { for path in paths { unsafe unlink(path) } }
      final class Opened { var descriptors: [Int] = [] }
      let opened = Opened()
      for flags in [O_WRONLY, O_RDONLY] {
        for path in paths {
          try task.spawn {
            opened.descriptors.append(
              unsafe path.withCString { unsafe (try? Asys.call(.openat(AT_FDCWD, $0, flags: flags))) ?? -1 })
          }
        }
      }
      task.joinAll()
      for descriptor in opened.descriptors { close(CInt(descriptor)) }
      return opened.descriptors
    }
    #expect(opened.count == 64 && opened.allSatisfy { $0 >= 0 })
  }
}
