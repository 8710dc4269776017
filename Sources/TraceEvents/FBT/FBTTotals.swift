// What a recording comes to in numbers, counted while it is written.

/// The numbers of a recording or of one process in it.
public struct FBTTotals: Equatable, Sendable {
  /// Records that were kept, extensions and padding among them.
  public var received: UInt64 = 0
  /// Records that never arrived.
  public var lost: UInt64 = 0
  /// Events that were kept.
  public var events: UInt64 = 0
  /// The same by kind.
  public var counts = EventCounts()
  /// Tasks that were there already or of which a record was kept.
  public var tasks: UInt64 = 0
  /// Closures and calls that were there already or whose submit was kept. Where submits were lost, there were more.
  public var fibrils: UInt64 = 0

  /// Nothing.
  public init() {}

  /// Adds those of something else.
  public mutating func add(_ other: FBTTotals) {
    received = received.saturatingSum(other.received)
    lost = lost.saturatingSum(other.lost)
    events &+= other.events
    counts.add(other.counts)
    tasks &+= other.tasks
    fibrils &+= other.fibrils
  }

  func encode(into encoder: inout ByteEncoder) {
    for number in [received, lost, events, tasks, fibrils] { encoder.put(varint: number) }
    counts.encode(into: &encoder)
  }

  init(decoding decoder: inout ByteDecoder) throws(DamageError) {
    received = try decoder.varint()
    lost = try decoder.varint()
    events = try decoder.varint()
    tasks = try decoder.varint()
    fibrils = try decoder.varint()
    counts = try EventCounts(decoding: &decoder)
  }
}

extension EventCounts {
  private static var fields: [WritableKeyPath<EventCounts, UInt64>] {
    [\.submits, \.blocks, \.wakes, \.switches, \.sleeps, \.resumes, \.teardowns, \.inlineStalls]
  }

  /// Adds those of something else.
  public mutating func add(_ other: EventCounts) {
    for field in Self.fields { self[keyPath: field] &+= other[keyPath: field] }
  }

  func encode(into encoder: inout ByteEncoder) {
    for field in Self.fields { encoder.put(varint: self[keyPath: field]) }
  }

  init(decoding decoder: inout ByteDecoder) throws(DamageError) {
    self.init()
    for field in Self.fields { self[keyPath: field] = try decoder.varint() }
  }
}
