// Records made by hand, as a runtime would write them.
import CFibrilContract
import TraceEvents

/// Builds successive records of one task.
struct Records {
  private(set) var all: [fibril_record] = []
  private let first: UInt64

  init(from first: UInt64 = 0) {
    self.first = first
  }

  var next: UInt64 { first + UInt64(all.count) }

  mutating func add(
    _ kind: fibril_record_kind, time: UInt64 = 0, fibril: UInt64 = 0, arg: UInt64 = 0, arg32: UInt32 = 0
  ) {
    all.append(
      fibril_record(
        time: time, fibril: fibril, arg: arg, kind: UInt16(kind.rawValue), number16: UInt16(truncatingIfNeeded: next),
        arg32: arg32))
  }

  /// Teardowns of fibrils that have the records' own numbers, each at that time.
  mutating func addTeardowns(_ count: Int) {
    for _ in 0..<count { add(FIBRIL_RECORD_TEARDOWN, time: next, fibril: next) }
  }

  /// The records in the order of their numbers.
  var bytes: [UInt8] { unsafe all.withUnsafeBytes { unsafe Array($0) } }
}

/// A decoder, its clock and what it has told, with times taken as they are.
struct Decoding {
  var decoder = RecordDecoder()
  var clock = TickClock(source: .monotonic)
  var events: [Event] = []

  mutating func decode(_ records: Records, task: UInt64 = 1, first: UInt64, dropping count: Int = 0) {
    let bytes = Array(records.bytes.dropFirst(count * RecordDecoder.recordBytes))
    unsafe decoder.decode(
      bytes.span.bytes, task: task, first: first + UInt64(count), clock: &clock, into: &events)
  }

  var numbers: [UInt64] { events.map(\.number) }
  var bodies: [Event.Body] { events.map(\.body) }
}
