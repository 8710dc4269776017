// Readers of figures and the one that makes them.
import Foundation
import Metrics
import Serving
import Synchronization
import Testing

@testable import FibrilCLI

@Suite struct FigureRequestsTests {
  private static func figures() -> FigureAnswer {
    var recorder = MetricsRecorder()
    return FigureAnswer(recorder.figures(), exporterStarted: 0)
  }

  /// As many as there are readers at most, and no more once nobody waits.
  @Test func everybodyIsAnswered() async {
    let requests = FigureRequests()
    let made = Mutex<[FigureAnswer]>([])
    let isOver = Mutex(false)
    // As the collector does, on a thread that is none of those that readers wait on.
    let collector = Task.detached {
      await withCheckedContinuation { done in
        DispatchQueue.global().async {
          while !isOver.withLock({ $0 }) {
            var descriptor = pollfd(fd: requests.descriptor, events: Int16(POLLIN), revents: 0)
            unsafe _ = poll(&descriptor, 1, 10)
            requests.serve {
              let answer = Self.figures()
              made.withLock { $0.append(answer) }
              return answer
            }
          }
          done.resume()
        }
      }
    }
    let readers = (0..<50).map { _ in Task { await requests.answer() } }
    for reader in readers {
      let answer = await reader.value
      #expect(answer != nil && made.withLock { $0.contains { $0 === answer } })
    }
    isOver.withLock { $0 = true }
    await collector.value
    #expect((1...50).contains(made.withLock { $0.count }))
  }

  /// Whatever an answer's readers are given, it was made once.
  @Test func readersShareTexts() {
    let answer = Self.figures()
    var http = HTTPCounts()
    let text = answer.openMetrics(http)
    http.refusedConnections = 7
    #expect(answer.openMetrics(http) == text && answer.json() == answer.json())
  }

  /// Whoever gathers figures is stuck.
  @Test func nobodyWaitsForEver() async {
    let requests = FigureRequests()
    let readers = (0..<50).map { _ in Task { await requests.answer() } }
    for reader in readers { #expect(await reader.value === nil) }
    // The next ones are looked after too.
    #expect(await requests.answer() === nil)
  }

  @Test func theEndAnswersEverybody() async {
    let requests = FigureRequests()
    let readers = (0..<50).map { _ in Task { await requests.answer() } }
    requests.close()
    for reader in readers { #expect(await reader.value === nil) }
    #expect(await requests.answer() === nil)
  }
}
