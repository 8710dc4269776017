// Whom a server asks for what it answers: it does not know how figures are made.

/// Makes what is served. Every answer comes within seconds, or is nil.
public protocol FiguresSource: Sendable {
  /// The figures as OpenMetrics text, complete with `# EOF`; nil: there is no answer in time.
  func openMetrics(requests: HTTPCounts) async -> [UInt8]?
  /// The figures as one JSON object; nil: there is no answer in time.
  func figuresJSON() async -> [UInt8]?
  /// Whether figures are still gathered.
  func isHealthy() async -> Bool
  /// The stack dump of a process, as text. It is asked for one at a time.
  func dump(process: Int32) async throws(DumpFailure) -> [UInt8]
}

/// Why there is no dump: one line.
public enum DumpFailure: Error {
  /// There is no such process, or it is not one that is followed.
  case unknownProcess(String)
  case failed(String)
}

/// What a server has answered since its start.
public struct HTTPCounts: Equatable, Sendable {
  /// Answers by their status code, in the codes' order.
  public var requests: [(code: Int, count: UInt64)] = []
  /// Connections that there was no room for.
  public var refusedConnections: UInt64 = 0

  public init() {}

  public static func == (left: Self, right: Self) -> Bool {
    left.refusedConnections == right.refusedConnections && left.requests.elementsEqual(right.requests) { $0 == $1 }
  }

  mutating func add(code: Int) {
    let place = requests.firstIndex { $0.code >= code } ?? requests.endIndex
    if place == requests.endIndex || requests[place].code != code { requests.insert((code, 0), at: place) }
    requests[place].count += 1
  }
}
