// A server with a source that the test rules, and what every test of it needs.

import Foundation
import Serving
import Synchronization

/// Answers what it is told to. Its questions can be held until the test lets them go.
final class FakeSource: FiguresSource {
  struct Script {
    var metrics: [UInt8]? = [UInt8]("# TYPE fibril_events counter\nfibril_events_total 3\n# EOF\n".utf8)
    var figures: [UInt8]? = [UInt8]("{\"time_ns\": 1}".utf8)
    var isHealthy = true
    var dump: Result<[UInt8], DumpFailure> = .success([UInt8]("a dump\n".utf8))
    var counts = HTTPCounts()
    var dumped: [Int32] = []
    /// Dumps wait while this is set.
    var holdsDumps = false
    var heldDumps: [CheckedContinuation<Void, Never>] = []
  }
  let script = Mutex(Script())

  func change(_ body: (inout sending Script) -> Void) { script.withLock { body(&$0) } }

  func openMetrics(requests: HTTPCounts) async -> [UInt8]? {
    script.withLock { script in
      script.counts = requests
      return script.metrics
    }
  }

  func figuresJSON() async -> [UInt8]? { script.withLock { $0.figures } }

  func isHealthy() async -> Bool { script.withLock { $0.isHealthy } }

  func dump(process: Int32) async throws(DumpFailure) -> [UInt8] {
    await withCheckedContinuation { continuation in
      let isHeld = script.withLock { script in
        script.dumped.append(process)
        if script.holdsDumps { script.heldDumps.append(continuation) }
        return script.holdsDumps
      }
      if !isHeld { continuation.resume() }
    }
    return try script.withLock { $0.dump }.get()
  }

  func releaseDumps() {
    let held = script.withLock { script in
      script.holdsDumps = false
      defer { script.heldDumps = [] }
      return script.heldDumps
    }
    for continuation in held { continuation.resume() }
  }
}

/// Runs a server while `body` runs, which does so on a thread of its own: it blocks, and the source's answers need
/// those of Swift's pool.
func withServer<Result: Sendable>(
  host: String = "127.0.0.1", token: String? = nil, source: any FiguresSource = FakeSource(),
  _ change: (inout ServerOptions) -> Void = { _ in },
  body: @escaping @Sendable (MetricsServer, ServerAddress) throws -> Result
) async throws -> Result {
  var options = ServerOptions(host: host, port: 0, token: token.map { [UInt8]($0.utf8) })
  // Where a test does not look at a deadline none is to interfere.
  options.requestDeadline = 120_000
  options.idleDeadline = 120_000
  options.stallDeadline = 120_000
  options.lingerDeadline = 100
  change(&options)
  let server = MetricsServer(options: options, source: source)
  return try await onThread {
    let address = try server.start()
    defer { server.end(why: "the test is over") }
    return try body(server, address)
  }
}

/// Runs what blocks.
func onThread<Result: Sendable>(_ body: @escaping @Sendable () throws -> Result) async throws -> Result {
  try await withCheckedThrowingContinuation { continuation in
    Thread.detachNewThread { continuation.resume(with: Swift.Result { try body() }) }
  }
}

/// Waits for what happens on another thread. What never happens makes the test hang, and the run's limit ends it.
func wait(until condition: () -> Bool) {
  while !condition() { usleep(1000) }
}
