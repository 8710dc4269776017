// What each question is answered with.

import NIOHTTP1

extension Connection {
  func reply(to question: Question) {
    state = .answering
    switch question {
    case .page(let index):
      let page = Page.all[index]
      respond(Answer(type: page.type, body: page.bytes))
    case .health:
      core.ask({ await $0.isHealthy() }) { [self] isHealthy in
        answer(isHealthy ? Answer(type: "text/plain; charset=utf-8", body: [UInt8]("ok\n".utf8)) : silence)
      }
    case .metrics(let openMetrics):
      core.ask({ [counts = core.counts] source in
        await source.openMetrics(requests: counts).map { Self.metrics($0, openMetrics: openMetrics) }
      }) { [self] answer in
        self.answer(answer ?? silence)
      }
    case .figures:
      core.ask({ await $0.figuresJSON() }) { [self] json in
        answer(json.map { Answer(type: "application/json", body: $0) } ?? silence)
      }
    case .live:
      guard !core.live.isFull || request?.method == .HEAD else {
        return respond(busy("cannot open another live stream: \(core.options.mostLiveStreams) are open"))
      }
      respond(Answer(type: "text/event-stream", body: nil))
    case .dump(let process):
      dump(process)
    }
  }

  /// One at a time: a dump is the one thing here that costs the process that is looked at.
  private func dump(_ process: Int32) {
    guard !core.isDumping else { return respond(busy("cannot dump process \(process): another dump is being made")) }
    core.isDumping = true
    core.ask({ source in
      do throws(DumpFailure) {
        return Answer(type: "text/plain; charset=utf-8", body: try await source.dump(process: process))
      } catch {
        switch error {
        case .unknownProcess(let line): return Refusal(.notFound, line).answer
        case .failed(let line): return Refusal(.badGateway, line).answer
        }
      }
    }) { [self] answer in
      core.isDumping = false
      self.answer(answer)
    }
  }

  /// The peer may have gone meanwhile.
  private func answer(_ answer: Answer) {
    if state != .closed { respond(answer) }
  }

  func busy(_ line: String) -> Answer {
    Refusal(.serviceUnavailable, line, headers: [("Retry-After", "1")]).answer
  }

  private var silence: Answer {
    busy("cannot say: what gathers the figures does not answer")
  }

  private static func metrics(_ text: [UInt8], openMetrics: Bool) -> Answer {
    openMetrics
      ? Answer(
        type: "application/openmetrics-text; version=1.0.0; charset=utf-8", headers: [("Vary", "Accept")], body: text)
      : Answer(
        type: "text/plain; version=0.0.4; charset=utf-8", headers: [("Vary", "Accept")],
        body: PlainMetrics.text(text))
  }
}
