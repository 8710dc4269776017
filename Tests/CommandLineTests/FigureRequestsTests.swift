// Readers of figures and the one that makes them.
import Foundation
import Metrics
import Serving
import Testing

@testable import FibrilCLI

@Suite struct FigureRequestsTests {
  private func figures() -> FigureAnswer {
    var recorder = MetricsRecorder()
    return FigureAnswer(recorder.figures(), exporterStarted: 0)
  }

  /// As the collector does.
  private func awaitReader(_ requests: FigureRequests) {
    var descriptor = pollfd(fd: requests.descriptor, events: Int16(POLLIN), revents: 0)
    #expect(unsafe poll(&descriptor, 1, 60_000) == 1)
  }

  @Test func readersShareAnAnswer() async {
    let requests = FigureRequests()
    async let first = requests.answer()
    awaitReader(requests)
    let answer = figures()
    requests.serve { answer }
    #expect(await first === answer)
    // Nobody waits: none is made.
    requests.serve {
      Issue.record("nobody has asked")
      return answer
    }
    // Its text is made once.
    #expect(answer.openMetrics(HTTPCounts()) == answer.openMetrics(HTTPCounts()))
    #expect(answer.json().first == UInt8(ascii: "{"))
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
    async let waiting = requests.answer()
    awaitReader(requests)
    requests.close()
    #expect(await waiting === nil)
    #expect(await requests.answer() === nil)
  }
}
