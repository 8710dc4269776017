// The streams of `/live`: the figures, made once an interval for all of them, as long as anybody reads.

import NIOCore

final class LiveStreams {
  private unowned let core: ServerCore
  private var streams: [ObjectIdentifier: Connection] = [:]
  private var isRunning = false
  /// The latest figures, for who comes between two.
  private var latest: ByteBuffer?

  init(core: ServerCore) { self.core = core }

  /// No more of them are allowed.
  var isFull: Bool { streams.count >= core.options.mostLiveStreams }

  func add(_ connection: Connection) {
    streams[ObjectIdentifier(connection)] = connection
    if let latest { connection.offer(latest) }
    if !isRunning {
      isRunning = true
      next()
    }
  }

  func remove(_ connection: Connection) {
    streams[ObjectIdentifier(connection)] = nil
  }

  func end(why: String) {
    let ending = EventText.ending(why: why)
    for stream in streams.values { stream.finish(with: ending) }
    streams = [:]
  }

  private func next() {
    guard !streams.isEmpty else {
      isRunning = false
      latest = nil
      return
    }
    let due = NIODeadline.now() + .milliseconds(core.options.liveInterval)
    core.ask({ await $0.figuresJSON().map { EventText.event("figures", data: $0) } }) { [self] event in
      if let event {
        latest = event
        for stream in streams.values { stream.offer(event) }
      }
      core.gate.loop.assumeIsolated().scheduleTask(deadline: due) { [self] in next() }
    }
  }
}
