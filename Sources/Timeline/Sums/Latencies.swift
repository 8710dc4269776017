// All latencies of a process.

/// What lasted how long.
public struct Latencies: Sendable {
  public var runQueueWait = Latency()
  public var running = Latency()
  public var closureLifetime = Latency()
  public var callLifetime = Latency()
  /// By number of the reason.
  public var blocked = KeyedLatencies()
  /// By number of the system call.
  public var calls = KeyedLatencies()

  /// None.
  public init() {}

  public mutating func add(_ other: Latencies) {
    runQueueWait.add(other.runQueueWait)
    running.add(other.running)
    closureLifetime.add(other.closureLifetime)
    callLifetime.add(other.callLifetime)
    blocked.add(other.blocked)
    calls.add(other.calls)
  }
}

/// Latencies by a small number, each taken in when it first occurs. Beyond a limit the rest is put together.
public struct KeyedLatencies: Sendable {
  private var places: [Int16] = []
  public private(set) var keys: [UInt32] = []
  public private(set) var latencies: [Latency] = []

  /// Beyond all numbers of system calls and reasons.
  public static let other: UInt32 = 1023
  /// `other` among them. A program seldom waits for more than a dozen, and each takes some 20 KB.
  static let mostKeys = 64

  public mutating func record(_ nanoseconds: UInt64, key: UInt32) {
    latencies[place(of: key)].record(nanoseconds)
  }

  public mutating func add(_ more: KeyedLatencies) {
    for (key, latency) in zip(more.keys, more.latencies) { latencies[place(of: key)].add(latency) }
  }

  private mutating func place(of key: UInt32) -> Int {
    let key = Int(min(key, Self.other))
    if key >= places.count { places += Array(repeating: -1, count: key + 1 - places.count) }
    if places[key] < 0 {
      if latencies.count >= Self.mostKeys - 1, key != Self.other { return place(of: Self.other) }
      places[key] = Int16(latencies.count)
      keys.append(UInt32(key))
      latencies.append(Latency())
    }
    return Int(places[key])
  }

  /// With names, the longest sum first; what has no name is `other`.
  public func named(_ name: (UInt32) -> String?) -> [(name: String, figures: LatencyFigures)] {
    var named: [(name: String, latency: Latency)] = []
    for (key, latency) in zip(keys, latencies) {
      let name = name(key) ?? "other"
      if let place = named.firstIndex(where: { $0.name == name }) {
        named[place].latency.add(latency)
      } else {
        named.append((name, latency))
      }
    }
    return named.sorted { ($1.latency.sum, $0.name) < ($0.latency.sum, $1.name) }.map { ($0.name, $0.latency.figures) }
  }
}
