// What an exporter says of itself: how much it follows, answers and costs.

/// The exporter at one moment.
public struct ExporterFigures: Sendable {
  /// Of the command.
  public var version: String
  /// Processes that are traced now.
  public var followed: UInt64 = 0
  /// Answers by their HTTP status.
  public var requests: [(code: UInt64, count: UInt64)] = []
  /// Connections that there was no room for.
  public var refusedConnections: UInt64 = 0
  /// What the tracer itself has used so far, in ns.
  public var processorTime: UInt64 = 0
  public var residentBytes: UInt64 = 0
  public var openDescriptors: UInt64 = 0
  public var mostDescriptors: UInt64 = 0
  /// When it was started, ns since 1970.
  public var startTime: UInt64 = 0

  public init(version: String) { self.version = version }
}
