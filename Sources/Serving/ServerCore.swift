// What the connections of a server share: its list of them, its counts, its source. Everything here happens on the
// server's loop.

import NIOCore
import NIOHTTP1

final class ServerCore {
  let options: ServerOptions
  let gatekeeper: Gatekeeper
  let gate: LoopGate
  private let source: any FiguresSource

  var listener: (any Channel)?
  var counts = HTTPCounts()
  /// A dump is being made.
  var isDumping = false
  private(set) lazy var live = LiveStreams(core: self)
  private var connections: [ObjectIdentifier: Connection] = [:]
  /// Fulfilled once no connection is left.
  private var closed: EventLoopPromise<Void>?
  private(set) var isEnding = false

  init(options: ServerOptions, gatekeeper: Gatekeeper, source: any FiguresSource, gate: LoopGate) {
    self.options = options
    self.gatekeeper = gatekeeper
    self.source = source
    self.gate = gate
  }

  /// Makes room for a new connection and takes it in. If it throws the connection is closed.
  func admit(_ channel: any Channel) throws {
    guard !isEnding else { throw ChannelError.ioOnClosedChannel }
    if connections.count >= options.mostConnections {
      guard let last = leastMissed() else {
        counts.refusedConnections += 1
        throw ChannelError.ioOnClosedChannel
      }
      if !last.wasAnswered { counts.refusedConnections += 1 }
      last.close()
    }
    let connection = Connection(core: self, channel: channel)
    var limits = NIOHTTPDecoderLimitConfiguration()
    limits.maxHeaderFieldSize = options.headerLimit
    limits.maxHeaderListSize = options.headerLimit
    let decoder = HTTPRequestDecoder(limitConfiguration: limits)
    try channel.pipeline.syncOperations.addHandlers([ByteToMessageHandler(decoder), connection])
    connections[ObjectIdentifier(connection)] = connection
    channel.closeFuture.assumeIsolated().whenComplete { _ in connection.forget() }
  }

  /// A client that sends its request slowly, or none, gives way to one that may be quicker; else one that asks and does
  /// not read.
  private func leastMissed() -> Connection? {
    connections.values.filter(\.isIdle).min { $0.idleSince < $1.idleSince } ?? slowest()
  }

  private func slowest() -> Connection? {
    connections.values.filter(\.isSlow).min { $0.output.sendsSince < $1.output.sendsSince }
  }

  /// Whether an answer of so many bytes may be held beside the others. Readers that are slow give way to it.
  func makeRoom(for bytes: Int) -> Bool {
    func held() -> Int {
      connections.values.reduce(0) { $1.state == .answering ? $0 + $1.output.bytes.storageCapacity : $0 }
    }
    while case let held = held(), held > 0, held + bytes > options.mostHeldBytes {
      guard let slow = slowest() else { return false }
      slow.close()
    }
    return true
  }

  func remove(_ connection: Connection) {
    guard connections.removeValue(forKey: ObjectIdentifier(connection)) != nil else { return }
    live.remove(connection)
    if connections.isEmpty { closed?.succeed() }
  }

  /// Asks the source, away from the loop, and takes its answer on the loop.
  func ask<Reply: Sendable>(
    _ question: @escaping @Sendable (any FiguresSource) async -> Reply, then take: @escaping (Reply) -> Void
  ) {
    let take = NIOLoopBound(take, eventLoop: gate.loop)
    // Somebody waits for it, and it is little work: it does not queue behind what else this process does.
    Task(priority: .high) { [source, gate] in
      let reply = await question(source)
      gate.run { take.value(reply) }
    }
  }

  /// Fulfils the promise once everything is closed.
  func end(why: String, closed: EventLoopPromise<Void>) {
    isEnding = true
    self.closed = closed
    listener?.close(promise: nil)
    live.end(why: why)
    for connection in connections.values { connection.wind() }
    guard !connections.isEmpty else { return closed.succeed() }
    gate.loop.assumeIsolated().scheduleTask(in: .milliseconds(options.lingerDeadline)) { [self] in
      for connection in connections.values { connection.close() }
    }
  }
}
