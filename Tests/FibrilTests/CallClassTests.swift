import Glibc
import Testing

@testable import Fibril

/// Every system call has a class of its own, and the special ones do what their class says.
@Suite struct CallClassTests {
  /// The numbers that the C library's headers on this machine know.
  private static func headerNumbers() throws -> [String: Int] {
    let paths = ["/usr/include/x86_64-linux-gnu/asm/unistd_64.h", "/usr/include/asm-generic/unistd.h"]
    let opened = paths.map { unsafe open($0, O_RDONLY | O_CLOEXEC) }.first { $0 >= 0 }
    let descriptor = try #require(opened)
    defer { close(descriptor) }
    var text = [UInt8](repeating: 0, count: 1 << 17)
    let count = unsafe read(descriptor, &text, text.count)
    var numbers: [String: Int] = [:]
    for line in String(decoding: text.prefix(max(0, count)), as: UTF8.self).split(separator: "\n") {
      let words = line.split(whereSeparator: \.isWhitespace)
      guard words.count == 3, words[0] == "#define", words[1].hasPrefix("__NR"), let number = Int(words[2]) else {
        continue
      }
      numbers[String(words[1].split(separator: "_", maxSplits: 1).last ?? words[1])] = number
    }
    return numbers
  }

  @Test func everyNumberHasAClassAndAName() throws {
    let numbers = try Self.headerNumbers()
    #expect(numbers.count > 250)
    let unclassified = numbers.filter { $0.value > CallClass.lastKnown || CallClass.explicit[$0.value] == nil }
    #expect(unclassified.isEmpty)
    let unnamed = numbers.filter { SystemCall.Number(rawValue: Int32($0.value)).name == nil }
    #expect(unnamed.isEmpty)
    // Those that the header does not know yet.
    #expect((451...CallClass.lastKnown).allSatisfy { CallClass.explicit[$0] != nil })
  }

  @Test func classesAreAsDocumented() {
    let expected: [(SystemCall.Number, CallClass)] = [
      (.exit_group, .refused), (.clone, .refused), (.execve, .refused), (.rt_sigreturn, .refused), (.gettid, .inline),
      (.rt_sigprocmask, .inline), (.unshare, .identity), (.setuid, .identity), (.prctl, .identity), (.flock, .helper),
      (.ioctl, .helper), (.read, .ring), (.newfstatat, .watched), (.close, .closing), (.fcntl, .byArguments),
      (.init(rawValue: 9999), .inline), (.init(rawValue: -1), .inline),
    ]
    for (number, callClass) in expected { #expect(CallClass(number) == callClass, "\(number)") }
    let byArguments: [(SystemCall, CallClass)] = [
      (SystemCall(.fcntl, 0, UInt64(F_GETFL)), .inline), (SystemCall(.fcntl, 0, UInt64(F_SETLKW)), .helper),
      (SystemCall(.futex, 0, 128), .helper), (SystemCall(.futex, 0, 129), .inline),
      (SystemCall(.futex, 0, 134), .refused),
      (SystemCall(.close_range, 3, 4), .helper), (SystemCall(.close_range, 3, 4, 2), .identity),
      (SystemCall(.wait4, 0, 0, UInt64(WNOHANG)), .inline), (SystemCall(.wait4), .helper),
      (SystemCall(.ptrace, 0), .refused), (SystemCall(.ptrace, 16), .inline),
      (SystemCall(.epoll_pwait, 0, 0, 1, 0), .inline), (SystemCall(.epoll_pwait, 0, 0, 1, 100), .helper),
    ]
    for (call, callClass) in byArguments { #expect(CallClass.resolve(call) == callClass, "\(call)") }
  }

  @Test func whatBelongsToTheThreadIsTheSubmitters() throws {
    let (mine, results) = try onTask(Way.helpers.options) { _ in
      try Asys.submit([SystemCall(.gettid), SystemCall(.getppid), SystemCall(.sched_yield)])
      var completions: [Completion] = []
      try Asys.awaitCompletions(minimum: 3, into: &completions)
      var link = [UInt8](repeating: 0, count: 64)
      let count = unsafe link.withUnsafeMutableBytes { bytes in
        unsafe readlink("/proc/thread-self", bytes.assumingMemoryBound(to: CChar.self).baseAddress!, 64)
      }
      let thread = String(decoding: link.prefix(max(0, count)), as: UTF8.self).split(separator: "/").last ?? ""
      return (Int64(thread), completions.map(\.result))
    }
    #expect(results == [mine, Int64(getppid()), 0])
  }

  @Test func errorsSayTheNameOfTheCall() {
    #expect("\(SystemCallError(call: .read, code: EBADF))" == "read: Bad file descriptor")
    #expect("\(SystemCallError(call: .exit, code: EOPNOTSUPP))" == "exit: not for a task's thread")
    #expect(
      "\(SystemCallError(call: .init(rawValue: 5000), code: ENOSYS))" == "system call 5000: Function not implemented")
  }
}
