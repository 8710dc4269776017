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
}
