// Recordings of invented processes, whose counts are known.
public import CFibrilContract
public import TraceEvents

/// Successive records of one task, as a runtime would write them.
public struct TaskRecords {
  public var all: [fibril_record] = []
  public let first: UInt64

  public init(from first: UInt64 = 0) {
    self.first = first
  }

  public var next: UInt64 { first + UInt64(all.count) }

  public mutating func add(
    _ kind: fibril_record_kind, time: UInt64, fibril: UInt64 = 0, arg: UInt64 = 0, arg32: UInt32 = 0
  ) {
    all.append(
      fibril_record(
        time: time, fibril: fibril, arg: arg, kind: UInt16(kind.rawValue), number16: UInt16(truncatingIfNeeded: next),
        arg32: arg32))
  }

  /// Hands them to a sink, in batches of `size`, without those whose batch `isLost` says.
  public func tell(
    _ sink: inout some RecordingSink, task: UInt64, process: Int, size: Int = 64, isLost: (Int) -> Bool = { _ in false }
  ) throws {
    for (index, start) in stride(from: 0, to: all.count, by: size).enumerated() where !isLost(index) {
      let batch = Array(all[start..<min(all.count, start + size)])
      try unsafe sink.take(records: batch.span.bytes, of: task, from: first + UInt64(start), of: process)
    }
  }
}

extension TaskRecords {
  /// A task whose root submits two fibrils that yield to each other, and then ends. Its fibrils are `root` and the two
  /// behind it. Events: 8 and `yields`.
  public static func yielding(_ yields: Int, root: UInt64, thread: UInt32, from time: UInt64, step: UInt64 = 10)
    -> TaskRecords
  {
    var records = TaskRecords()
    var now = time
    func tick() -> UInt64 {
      now += step
      return now
    }
    records.add(FIBRIL_RECORD_TASK_START, time: tick(), fibril: root, arg: UInt64(thread))
    for fibril in root + 1...root + 2 {
      let time = tick()
      records.add(FIBRIL_RECORD_SUBMIT, time: time, fibril: fibril, arg: root, arg32: FIBRIL_NO_CALL)
      records.add(FIBRIL_RECORD_SUBMIT_ENTRY, time: time, fibril: fibril, arg: 0x4000, arg32: 1)
    }
    let time = tick()
    records.add(FIBRIL_RECORD_BLOCK, time: time, fibril: root, arg: root + 1, arg32: FIBRIL_REASON_JOIN.rawValue)
    records.add(FIBRIL_RECORD_SWITCH, time: time, fibril: root + 1, arg: root, arg32: FIBRIL_STATE_BLOCKED.rawValue)
    var running = root + 1
    for _ in 0..<yields {
      let next = 2 * root + 3 - running
      records.add(FIBRIL_RECORD_SWITCH, time: tick(), fibril: next, arg: running, arg32: FIBRIL_STATE_RUNNABLE.rawValue)
      running = next
    }
    records.add(FIBRIL_RECORD_TEARDOWN, time: tick(), fibril: running)
    records.add(FIBRIL_RECORD_WAKE, time: now, fibril: root, arg: running, arg32: 1)
    records.add(FIBRIL_RECORD_SWITCH, time: tick(), fibril: root, arg: running, arg32: FIBRIL_STATE_DEAD.rawValue)
    return records
  }
}

/// A file in memory.
public final class MemoryFile {
  public var bytes: [UInt8] = []

  public init() {}

  public func append(_ more: [UInt8]) { bytes += more }

  public var text: String { String(decoding: bytes, as: UTF8.self) }

  /// Feeds the `.fbt` file that this is to a sink.
  public func read<Sink: RecordingSink>(into sink: inout Sink) throws -> (reader: FBTReader, ending: FBTEnding) {
    var position = 0
    let bytes = bytes
    var reader = try FBTReader { (count: Int) throws(FBTError) in
      let end = min(bytes.count, position + count)
      defer { position = end }
      return Array(bytes[position..<end])
    }
    let ending = try reader.replay(into: &sink)
    return (reader, ending)
  }
}

extension FBTHeader {
  public static let sample = FBTHeader(
    realTime: 1, monotonicTime: 1, tracer: "0.1.0", kernelRelease: "6.18.1", machine: "x86_64", pageSize: 4096)
}
