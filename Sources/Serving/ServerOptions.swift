// What a server is told at its start: where it listens, who may read, and the bounds that keep it small.

/// A server's address, token and bounds.
public struct ServerOptions: Sendable {
  /// A numeric address, IPv4 or IPv6.
  public var host: String
  /// 0: any that is free.
  public var port: UInt16
  /// What a reader has to show; nil: nothing, which is only accepted on a loopback address.
  public var token: [UInt8]?

  /// Most connections that are open at once.
  public var mostConnections = 128
  /// Most streams of `/live` among them.
  public var mostLiveStreams = 32
  /// Most bytes of a request's target and headers, and of its body.
  public var headerLimit = 8 << 10
  public var bodyLimit = 1 << 10
  /// Most bytes of answers that wait for their readers, all connections together; one alone may be larger.
  public var mostHeldBytes = 64 << 20
  /// In ms, from a connection's start to the end of its first request.
  public var requestDeadline: Int64 = 5_000
  /// In ms, from the end of an answer to the end of the next request.
  public var idleDeadline: Int64 = 30_000
  /// In ms, in which a reader takes the next 64 KiB of its answer.
  public var stallDeadline: Int64 = 10_000
  /// In ms, after which a reader who has not taken them gives way to a new connection, where there is no other room.
  public var slowAfter: Int64 = 250
  /// In ms, for which a connection lingers after its last answer, so that its peer can read that, and in which
  /// connections end when the server does.
  public var lingerDeadline: Int64 = 1_000
  /// In ms, from one event of `/live` to the next.
  public var liveInterval: Int64 = 1_000

  /// Longest token, in bytes.
  public static let longestToken = 256

  public init(host: String, port: UInt16, token: [UInt8]? = nil) {
    self.host = host
    self.port = port
    self.token = token
  }
}

/// Where a server listens.
public struct ServerAddress: Equatable, Sendable {
  /// Numeric.
  public var host: String
  public var port: UInt16

  /// What to open in a browser.
  public var url: String { host.contains(":") ? "http://[\(host)]:\(port)/" : "http://\(host):\(port)/" }
}

/// Why a server does not start.
public struct ServerFailure: Error, CustomStringConvertible {
  public let description: String
}
