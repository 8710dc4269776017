// What a server takes of its process, and leaves: memory and descriptors, each looked at in a process of its own.

import Foundation
import Testing

@testable import Serving

// One after the other: waiting for such a process takes a thread of Swift's pool.
@Suite(.serialized) struct ProcessTests {
  @Test func aServerThatEndedLeavesNoDescriptorsAndThreads() async {
    await #expect(processExitsWith: .success) {
      func run() async throws {
        try await withServer { _, address throws in
          let clients = try (0..<20).map { _ in try Client(address.port) }
          for client in clients { #expect(try client.ask("GET /healthz").status == 200) }
          clients[0].send("GET /live HTTP/1.1\r\nHost: localhost\r\n\r\n")
          #expect(try clients[0].receiveHead()?.status == 200)
          clients[1].send("GET /live HTTP/1.1\r\nHost: localhost\r\n\r\n")
          clients[2].send("GET /he")
        }
      }
      try await run()
      let before = try descriptors()
      for _ in 0..<20 { try await run() }
      #expect(try descriptors() == before)
      #expect(try FileManager.default.contentsOfDirectory(atPath: "/proc/self/task").count < 20)
    }
  }

  @Test func withoutDescriptorsItWaitsUntilThereAreSome() async {
    await #expect(processExitsWith: .success) {
      let source = FakeSource()
      try await withServer(source: source) { _, address throws in
        let old = try Client(address.port)
        #expect(try old.ask("GET /healthz").status == 200)
        let most = try rlim_t(highestDescriptor() + 20)
        var limit = rlimit(rlim_cur: most, rlim_max: most)
        unsafe setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
        var fillers: [Int32] = []
        while case let filler = dup(STDERR_FILENO), filler >= 0 { fillers.append(filler) }
        #expect(errno == EMFILE)
        // The client gets the last one, and the server none.
        close(fillers.removeLast())
        let new = try Client(address.port)
        new.send("GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
        for _ in 0..<100 { #expect(try old.ask("GET /metrics").status == 200) }
        // It does not try all the time meanwhile.
        let before = clock()
        sleep(1)
        #expect(clock() - before < CLOCKS_PER_SEC / 10)
        for filler in fillers { close(filler) }
        #expect(try new.receiveAnswer()?.status == 200)
      }
    }
  }

  @Test func itStaysSmall() async {
    await #expect(processExitsWith: .success) {
      allowManyDescriptors()
      try await withServer { _, address throws in
        #expect(try ask(address.port, "GET /metrics").status == 200)
        let before = try residentPeak()
        let header = "GET /healthz HTTP/1.1\r\nHost: localhost\r\nX: " + String(repeating: "x", count: 8000)
        let ahead = String(repeating: "GET /page.js HTTP/1.1\r\nHost: localhost\r\n\r\n", count: 1000)
        for _ in 0..<3 {
          let clients = try (0..<1000).map { _ in try Client(address.port) }
          for client in clients { client.send(header) }
          #expect(try ask(address.port, "GET /healthz").status == 200)
          for client in clients.suffix(50) { client.send("\r\n\r\n\(ahead)") }
          #expect(try ask(address.port, "GET /healthz").status == 200)
        }
        #expect(try residentPeak() - before < 24 << 10)
      }
    }
  }
}

/// As many as the system lets this process have.
func allowManyDescriptors() {
  var limit = rlimit()
  unsafe getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
  limit.rlim_cur = limit.rlim_max
  unsafe setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
}

/// What this process has open, by kind.
private func descriptors() throws -> [String] {
  let folder = "/proc/self/fd"
  return try FileManager.default.contentsOfDirectory(atPath: folder)
    .compactMap { try? FileManager.default.destinationOfSymbolicLink(atPath: "\(folder)/\($0)") }
    .map { String($0.prefix { $0 != "[" }) }
    .sorted()
}

/// The most memory this process has had, in KiB.
private func residentPeak() throws -> Int {
  let status = try String(contentsOfFile: "/proc/self/status", encoding: .utf8)
  let line = try #require(status.split(separator: "\n").first { $0.hasPrefix("VmHWM:") })
  return try #require(Int(line.split { " \t".contains($0) }[1]))
}

private func highestDescriptor() throws -> Int {
  try FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd").compactMap { Int($0) }.max() ?? 0
}
