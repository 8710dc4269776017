// Figures for many readers from the one thread that gathers them: who asks waits, but not for ever.
internal import CSystemCalls
internal import Glibc
internal import Metrics
internal import Synchronization

/// Where readers ask and the collector answers.
final class FigureRequests: Sendable {
  /// Readable when somebody waits.
  let descriptor: Int32
  private let state = Mutex(State())

  private struct State {
    var waiting: [(since: ContinuousClock.Instant, reader: CheckedContinuation<FigureAnswer?, Never>)] = []
    var latest: (answer: FigureAnswer, time: ContinuousClock.Instant)?
    /// Something looks after those who wait too long.
    var isWatched = false
    var isClosed = false
  }

  /// Readers within this time share an answer.
  private static let freshness = Duration.milliseconds(200)
  /// A collector that does not answer within it is stuck.
  private static let patience = Duration.seconds(5)

  init() { descriptor = fibril_event_descriptor() }

  deinit { if descriptor >= 0 { Glibc.close(descriptor) } }

  /// The figures, at most 200 ms old; nil: nobody has made any for five seconds.
  func answer() async -> FigureAnswer? {
    await withCheckedContinuation { reader in
      let now = ContinuousClock.now
      enum Turn { case has(FigureAnswer?), waits(first: Bool) }
      let turn = state.withLock { state -> Turn in
        if state.isClosed { return .has(nil) }
        if let latest = state.latest, now - latest.time < Self.freshness { return .has(latest.answer) }
        state.waiting.append((now, reader))
        defer { state.isWatched = true }
        return .waits(first: !state.isWatched)
      }
      switch turn {
      case .has(let answer): reader.resume(returning: answer)
      case .waits(let first):
        var one: UInt64 = 1
        unsafe _ = write(descriptor, &one, 8)
        if first { Task { await watch() } }
      }
    }
  }

  /// Sends those away who have waited too long, until nobody waits.
  private func watch() async {
    while true {
      try? await Task.sleep(for: .seconds(1))
      let now = ContinuousClock.now
      let late = state.withLock { state -> [CheckedContinuation<FigureAnswer?, Never>]? in
        let late = state.waiting.filter { now - $0.since >= Self.patience }.map(\.reader)
        state.waiting.removeAll { now - $0.since >= Self.patience }
        if state.waiting.isEmpty { state.isWatched = false }
        return state.isWatched || !late.isEmpty ? late : nil
      }
      guard let late else { return }
      for reader in late { reader.resume(returning: nil) }
      if state.withLock({ !$0.isWatched }) { return }
    }
  }

  /// Makes figures by `make` if somebody waits for them.
  func serve(_ make: () -> FigureAnswer) {
    var count: UInt64 = 0
    unsafe _ = read(descriptor, &count, 8)
    guard state.withLock({ !$0.waiting.isEmpty }) else { return }
    let answer = make()
    let readers = state.withLock { state in
      state.latest = (answer, ContinuousClock.now)
      defer { state.waiting = [] }
      return state.waiting.map(\.reader)
    }
    for reader in readers { reader.resume(returning: answer) }
  }

  /// Nobody is answered any more.
  func close() {
    let readers = state.withLock { state in
      state.isClosed = true
      state.latest = nil
      defer { state.waiting = [] }
      return state.waiting.map(\.reader)
    }
    for reader in readers { reader.resume(returning: nil) }
  }
}
