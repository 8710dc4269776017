// The server: listens, and ends.

/// Answers HTTP requests for figures on a thread of its own.
public final class MetricsServer: Sendable {
  private let options: ServerOptions
  private let source: any FiguresSource

  public init(options: ServerOptions, source: any FiguresSource) {
    self.options = options
    self.source = source
  }

  /// Begins to listen. To be called once; not on a thread of Swift's own pool, since it blocks for a moment.
  public func start() throws(ServerFailure) -> ServerAddress {
    throw ServerFailure(description: "")
  }

  /// Tells the readers of live streams why, and closes everything. Returns when all is closed, in about a second at most.
  public func end(why: String) {
  }
}
