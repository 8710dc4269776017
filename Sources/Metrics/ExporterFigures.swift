// What an exporter says of itself: how much it answers and costs.

/// The exporter at one moment.
public struct ExporterFigures: Sendable {
  public var tracer: TracerFigures
  /// Answers by their HTTP status.
  public var requests: [(code: Int, count: UInt64)] = []
  /// Connections that there was no room for.
  public var refusedConnections: UInt64 = 0
  public var openDescriptors: UInt64 = 0
  public var mostDescriptors: UInt64 = 0
  /// When it was started, ns since 1970.
  public var startTime: UInt64 = 0

  public init(_ tracer: TracerFigures) { self.tracer = tracer }
}
