// The names of constants, compared with what this machine's headers say of them.
import Foundation
import Testing

@testable import Dumping

@Suite struct ConstantNamesTests {
  /// A C program prints what the headers define; those that are too old for a name leave it out.
  @Test func namesAreThoseOfTheHeaders() throws {
    let constants = ArgumentKind.constants.values.flatMap(\.constants)
    let names = Set(constants.map(\.name)).sorted()
    let printing = names.map { "#ifdef \($0)\nprintf(\"\($0) %llu\\n\", (unsigned long long)(unsigned)\($0));\n#endif" }
    let folder = FileManager.default.temporaryDirectory.appending(path: "fibril-constants-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    let source = folder.appending(path: "constants.c")
    let program = folder.appending(path: "constants").path
    let text = """
      #define _GNU_SOURCE
      \(Self.headers.map { "#if __has_include(<\($0)>)\n#include <\($0)>\n#endif\n" }.joined())
      #undef O_LARGEFILE /* The C library's is 0 where all files may be large; the kernel's is not. */
      int main(void)
      {
      \(printing.joined(separator: "\n"))
      }

      """
    try Data(text.utf8).write(to: source)
    #expect(try run("/usr/bin/env", ["clang", "-w", "-o", program, source.path]).status == 0)
    var defined: [String: UInt64] = [:]
    for line in try run(program, []).output.split(separator: "\n") {
      let words = line.split(separator: " ")
      defined[String(words[0])] = UInt64(words[1])
    }
    for constant in constants {
      guard let value = defined[constant.name] else { continue }
      #expect(constant.value == value, "\(constant.name) is \(value)")
    }
    let missing = names.filter { defined[$0] == nil }
    #expect(missing.count < names.count / 10, "\(missing)")
  }

  private static let headers = [
    "stdio.h", "fcntl.h", "sys/mman.h", "linux/mman.h", "sys/socket.h", "netinet/in.h", "netinet/tcp.h",
    "linux/netlink.h", "netinet/udp.h", "sys/epoll.h", "poll.h", "sys/eventfd.h", "sys/signalfd.h",
    "sys/timerfd.h", "sys/inotify.h", "sys/mount.h", "sys/file.h", "sys/ioctl.h", "net/if.h", "linux/sockios.h",
    "linux/if_tun.h", "linux/fs.h", "sys/stat.h", "linux/stat.h", "sys/wait.h", "signal.h", "sched.h", "linux/sched.h",
    "sys/prctl.h", "time.h", "sys/time.h", "sys/resource.h", "linux/futex.h", "sys/ptrace.h", "linux/ptrace.h",
    "linux/membarrier.h", "linux/io_uring.h", "linux/memfd.h", "linux/openat2.h", "linux/close_range.h",
    "linux/falloc.h", "linux/seccomp.h", "sys/random.h", "sys/xattr.h", "sys/ipc.h", "sys/shm.h", "sys/msg.h",
    "linux/userfaultfd.h", "sys/pidfd.h", "sys/sendfile.h", "sys/uio.h", "unistd.h", "linux/tls.h",
  ]

  private func run(_ program: String, _ arguments: [String]) throws -> (status: Int32, output: String) {
    let process = Process()
    process.executableURL = URL(filePath: program)
    process.arguments = arguments
    process.standardInput = FileHandle.nullDevice
    let pipe = Pipe()
    process.standardOutput = pipe
    try process.run()
    let output = String(decoding: pipe.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    process.waitUntilExit()
    return (process.terminationStatus, output)
  }
}
