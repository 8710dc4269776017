import Fibril
import Glibc
import Testing

/// Calls that are first made in a form that does not wait return what the bare call returns.
@Suite struct CallAttemptTests {
  /// A file of as many bytes, of which the second half is not in memory, and its descriptor.
  private static func withHalfCachedFile<Value>(_ bytes: Int, _ body: (CInt) throws -> Value) throws -> Value {
    let path = "/var/tmp/fibril-half-\(getpid())-\(Fibril.currentID)"
    let descriptor = unsafe open(path, O_CREAT | O_RDWR | O_CLOEXEC, 0o600)
    precondition(descriptor >= 0)
    defer { close(descriptor) }
    unsafe unlink(path)
    let text = (0..<bytes).map { UInt8(truncatingIfNeeded: $0 &* 31 >> 3) }
    precondition(unsafe write(descriptor, text, bytes) == bytes && fsync(descriptor) == 0)
    precondition(posix_fadvise(descriptor, off_t(bytes / 2), off_t(bytes / 2), POSIX_FADV_DONTNEED) == 0)
    precondition(lseek(descriptor, 0, SEEK_SET) == 0)
    return try body(descriptor)
  }

  /// A read that finds only a part in memory goes on; one at the end of the file does not.
  @Test(arguments: Way.allCases) func aReadOfAFileIsCutShortByItsEndAlone(_ way: Way) throws {
    let bytes = 1 << 20
    let (results, isWhole) = try onTask(way.options) { _ in
      let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 2 * bytes, alignment: 16)
      defer { unsafe buffer.deallocate() }
      var results: [Int] = []
      var isWhole = true
      for usesPosition in [false, true] {
        try Self.withHalfCachedFile(bytes) { descriptor in
          unsafe buffer.initializeMemory(as: UInt8.self, repeating: 0)
          unsafe results.append(
            try Asys.call(
              usesPosition ? .pread64(descriptor, into: buffer, at: 0) : .read(descriptor, into: buffer)))
          isWhole = isWhole && (0..<bytes).allSatisfy { unsafe buffer[$0] == UInt8(truncatingIfNeeded: $0 &* 31 >> 3) }
          unsafe results.append(
            try Asys.call(
              usesPosition
                ? .pread64(descriptor, into: buffer, at: Int64(bytes - 7)) : .read(descriptor, into: buffer)))
        }
      }
      return (results, isWhole)
    }
    #expect(results == [bytes, 0, bytes, 7])
    #expect(isWhole)
  }

  /// A connection on which reads have waited: they are put off until nothing else can run. What comes
  /// meanwhile is read; a cancellation and a deadline that come meanwhile end them.
  @Test(arguments: Way.allCases) func readsThatArePutOffLoseNothing(_ way: Way) throws {
    final class Log { var received = 0; var codes: [CInt] = [] }
    let (received, codes, counts) = try onTask(way.options) { task in
      var ends: [CInt] = [0, 0]
      precondition(unsafe socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0, &ends) == 0)
      defer { for end in ends { close(end) } }
      let (here, there) = (ends[0], ends[1])
      let log = Log()
      let read = { (end: CInt, deadline: Deadline) throws(SystemCallError) -> Int in
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 8, alignment: 8)
        defer { unsafe buffer.deallocate() }
        return unsafe try Asys.call(.read(end, into: buffer), deadline: deadline)
      }
      let write = { (end: CInt) in
        let byte: [UInt8] = [7]
        _ = unsafe byte.withUnsafeBytes { unsafe try? Asys.call(.write(end, from: $0)) }
      }
      for (mine, begins) in [(here, true), (there, false)] {
        try task.spawn {
          if begins { write(mine) }
          for _ in 0..<500 {
            log.received += (try? read(mine, .never)) ?? 0
            write(mine)
          }
        }
      }
      task.joinAll()
      log.received += try read(there, .never)
      for reads in 0..<40 {
        let fibril = try task.spawn {
          let deadline = reads % 2 == 0 ? Deadline.after(.milliseconds(1)) : .never
          let code = thrown { () throws(SystemCallError) in _ = try read(here, deadline) }?.code ?? 0
          log.codes.append(code)
        }
        Fibril.yield()
        if reads % 2 == 1 { fibril.cancel() }
        try fibril.join()
      }
      return (log.received, log.codes, task.counts)
    }
    #expect(received == 1001)
    #expect(codes == (0..<40).map { $0 % 2 == 0 ? ETIMEDOUT : EINTR })
    #expect(counts.blocks == counts.wakes)
  }

  /// Each read takes one datagram, however much room there is.
  @Test(arguments: Way.allCases) func datagramsStayApart(_ way: Way) throws {
    let counts = try onTask(way.options) { _ in
      var ends: [CInt] = [0, 0]
      precondition(unsafe socketpair(AF_UNIX, Int32(SOCK_DGRAM.rawValue), 0, &ends) == 0)
      defer { for end in ends { close(end) } }
      let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 64, alignment: 16)
      defer { unsafe buffer.deallocate() }
      for text in ["one", "three"] { _ = unsafe send(ends[1], text, text.utf8.count, 0) }
      return unsafe [
        try Asys.call(.read(ends[0], into: buffer)), try Asys.call(.recv(ends[0], into: buffer)),
      ]
    }
    #expect(counts == [3, 5])
  }

  /// O_NONBLOCK keeps no read of a file from waiting for the device.
  @Test(arguments: Way.allCases) func aNonBlockingFileIsReadAllTheSame(_ way: Way) throws {
    let bytes = 1 << 20
    let count = try onTask(way.options) { _ in
      let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: bytes, alignment: 16)
      defer { unsafe buffer.deallocate() }
      return try Self.withHalfCachedFile(bytes) { descriptor in
        precondition(fcntl(descriptor, F_SETFL, O_NONBLOCK) == 0)
        return unsafe try Asys.call(.read(descriptor, into: buffer))
      }
    }
    #expect(count == bytes)
  }

  @Test(arguments: Way.allCases) func aReceiveOfAllWaitsForAll(_ way: Way) throws {
    let count = try onTask(way.options) { _ in
      var ends: [CInt] = [0, 0]
      precondition(unsafe socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0, &ends) == 0)
      let (mine, other) = (ends[0], ends[1])
      defer { close(mine); close(other) }
      let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 8, alignment: 16)
      defer { unsafe buffer.deallocate() }
      _ = unsafe send(other, "half", 4, 0)
      try Fibril.spawn { _ = unsafe send(other, "rest", 4, 0) }
      return unsafe try Asys.call(.recv(mine, into: buffer, flags: Int32(MSG_WAITALL)))
    }
    #expect(count == 8)
  }

  /// Descriptors are used again: what is remembered of one says nothing about the next.
  @Test(arguments: Way.allCases) func hintsAreOnlyHints(_ way: Way) throws {
    let (first, rest) = try onTask(way.options) { _ -> (Int32, [String]) in
      let texts = try (0..<50).map { round -> String in
        let pipe = TestPipe()
        let text = "round \(round)"
        if round % 3 == 0 {
          try Fibril.spawn { pipe.write(text) }
        } else {
          pipe.write(text)
        }
        return try pipe.readByCall()
      }
      return (0, texts)
    }
    #expect(first == 0)
    #expect(rest == (0..<50).map { "round \($0)" })
  }

  @Test func completionsAreCollectedIntoMemoryOfTheCallers() throws {
    let (counts, cookies) = try onTask { _ in
      try Asys.submit((0..<1000).map { SystemCall(.getpid, cookie: $0) })
      var counts: [Int] = []
      var cookies: [UInt64] = []
      for _ in 0..<3 {
        let part = try [Completion](capacity: 400) { span in
          counts.append(try Asys.awaitCompletions(minimum: 400, into: &span))
        }
        cookies += part.map(\.cookie)
      }
      return (counts, cookies)
    }
    #expect(counts == [400, 400, 200])
    #expect(cookies == Array(0..<1000))
  }
}
