// What the server asks for, answered by the collector, and by another process for dumps.
internal import Dispatch
internal import Metrics
internal import Serving

/// The exporter behind the HTTP server.
struct ServedFigures: FiguresSource {
  let requests: FigureRequests

  func openMetrics(requests http: HTTPCounts) async -> [UInt8]? {
    await requests.answer()?.openMetrics(http)
  }

  func figuresJSON() async -> [UInt8]? { await requests.answer()?.json() }

  func isHealthy() async -> Bool { await requests.answer() != nil }

  func dump(process: Int32) async throws(DumpFailure) -> [UInt8] {
    guard let answer = await requests.answer() else { throw .failed("the tracer does not answer") }
    guard let fibrils = answer.followed[process] else {
      throw .unknownProcess("process \(process) is not followed, or has ended")
    }
    let result = await withCheckedContinuation { result in
      // It waits, and no thread of the pool may.
      DispatchQueue.global().async { result.resume(returning: DumpProcess.dump(process, fibrils: fibrils)) }
    }
    return try result.get()
  }
}
