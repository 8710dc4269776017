// The server: listens, and ends.

import Glibc
import NIOCore
import NIOPosix
import Synchronization

/// Answers HTTP requests for figures, on a thread of its own.
public final class MetricsServer: Sendable {
  private let options: ServerOptions
  private let source: any FiguresSource
  private let running = Mutex<Running?>(nil)

  /// What is there between start and end.
  private struct Running: Sendable {
    var group: MultiThreadedEventLoopGroup
    var gate: LoopGate
    var core: NIOLoopBound<ServerCore>
  }

  public init(options: ServerOptions, source: any FiguresSource) {
    self.options = options
    self.source = source
  }

  /// Begins to listen, and blocks until it does. A server that was started has to be ended.
  public func start() throws(ServerFailure) -> ServerAddress {
    let gatekeeper = try checkedGatekeeper()
    let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
    do {
      let gate = LoopGate(loop: group.next())
      let (core, address) = try listen(gate, gatekeeper).wait()
      running.withLock { $0 = Running(group: group, gate: gate, core: core) }
      return address
    } catch {
      try? group.syncShutdownGracefully()
      throw ServerFailure(description: "cannot listen on \(options.host), port \(options.port): \(cause(error))")
    }
  }

  /// Tells the readers of live streams why, lets answers under way come to their end, and closes everything. Blocks
  /// until all is closed: little more than `lingerDeadline`.
  public func end(why: String) {
    guard let running = running.withLock({ $0.take() }) else { return }
    let closed = running.gate.loop.makePromise(of: Void.self)
    running.gate.loop.execute { running.core.value.end(why: why, closed: closed) }
    // It is only ever fulfilled.
    try? closed.futureResult.wait()
    running.gate.close()
    try? running.group.syncShutdownGracefully()
  }

  private func checkedGatekeeper() throws(ServerFailure) -> Gatekeeper {
    // As the system writes it: an IPv6 address can be spelled in many ways.
    let host = (try? SocketAddress(ipAddress: options.host, port: 0))?.ipAddress
    let isLoopback = host.map { HostName.isLoopback(address: $0) } ?? false
    guard let secret = options.token else {
      guard isLoopback else {
        throw ServerFailure(
          description: "cannot listen on \(options.host) without a token: others than this machine reach that address")
      }
      return Gatekeeper(token: nil, loopbackOnly: true)
    }
    guard let token = Token(secret) else {
      throw ServerFailure(
        description: "cannot use the token: it has to be 1 to \(ServerOptions.longestToken) characters of ASCII, "
          + "without spaces")
    }
    return Gatekeeper(token: token, loopbackOnly: isLoopback)
  }

  private func listen(
    _ gate: LoopGate, _ gatekeeper: Gatekeeper
  ) -> EventLoopFuture<(NIOLoopBound<ServerCore>, ServerAddress)> {
    gate.loop.flatSubmit { [options, source] in
      let core = ServerCore(options: options, gatekeeper: gatekeeper, source: source, gate: gate)
      let bound = NIOLoopBound(core, eventLoop: gate.loop)
      return gate.loop.makeCompletedFuture { try SocketAddress(ipAddress: options.host, port: Int(options.port)) }
        .flatMap { address in
          ServerBootstrap(group: gate.loop)
            .serverChannelOption(.backlog, value: 256)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .serverChannelInitializer { listener in
              listener.eventLoop.makeCompletedFuture { try listener.pipeline.syncOperations.addHandler(AcceptPause()) }
            }
            .childChannelOption(.autoRead, value: false)
            .childChannelOption(.maxMessagesPerRead, value: 1)
            .childChannelOption(.recvAllocator, value: FixedSizeRecvByteBufferAllocator(capacity: 4096))
            .childChannelOption(.socketOption(.so_sndbuf), value: 256 << 10)
            .childChannelInitializer { channel in
              channel.eventLoop.makeCompletedFuture { try bound.value.admit(channel) }
            }
            .bind(to: address)
        }
        .flatMapThrowing { listener in
          bound.value.listener = listener
          guard let address = listener.localAddress, let host = address.ipAddress, let port = address.port else {
            throw ServerFailure(description: "the address is not one of IPv4 or IPv6")
          }
          return (bound, ServerAddress(host: host, port: UInt16(truncatingIfNeeded: port)))
        }
    }
  }

  private func cause(_ error: any Error) -> String {
    switch error {
    case let error as IOError: unsafe String(cString: strerror(error.errnoCode))
    case let error as ServerFailure: error.description
    default: "it is no numeric address"
    }
  }
}

/// Runs what comes from other threads on the server's loop, as long as there is one.
final class LoopGate: Sendable {
  let loop: any EventLoop
  private let isOpen = Mutex(true)

  init(loop: any EventLoop) { self.loop = loop }

  func run(_ body: @escaping @Sendable () -> Void) {
    isOpen.withLock { if $0 { loop.execute(body) } }
  }

  func close() { isOpen.withLock { $0 = false } }
}
