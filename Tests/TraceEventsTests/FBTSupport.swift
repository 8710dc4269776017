// Recordings that are invented, written to a .fbt file in memory, and read again.
import CFibrilContract

@testable import TraceEvents

/// Keeps every call in readable form, records as their bytes.
struct CallRecorder: RecordingSink, Equatable {
  enum Call: Equatable {
    case pair(ClockPair)
    case process(RecordedProcess)
    case modules([RecordedModule], Int)
    case snapshot(ProcessSnapshot, Int)
    case names([String], Int, Int)
    case stack([UInt64], UInt32, Int)
    case taskBegin(UInt64, UInt64, Int)
    case taskEnd(UInt64, UInt64, Int)
    case end(Int, ProcessEnding, UInt64)
    case mark(UInt64)
  }
  struct Task: Hashable {
    var process: Int
    var task: UInt64
  }

  var calls: [Call] = []
  /// By task: number and bytes of each record.
  var records: [Task: [UInt64: [UInt8]]] = [:]
  var recordCount = 0

  mutating func add(_ pair: ClockPair) { calls.append(.pair(pair)) }
  mutating func begin(_ process: RecordedProcess) { calls.append(.process(process)) }
  mutating func take(_ modules: [RecordedModule], of process: Int) { calls.append(.modules(modules, process)) }
  mutating func take(_ snapshot: ProcessSnapshot, of process: Int) { calls.append(.snapshot(snapshot, process)) }
  mutating func take(_ names: [String], from index: Int, of process: Int) {
    calls.append(.names(names, index, process))
  }
  mutating func take(stack: [UInt64], id: UInt32, of process: Int) { calls.append(.stack(stack, id, process)) }
  mutating func begin(task: UInt64, at number: UInt64, of process: Int) {
    calls.append(.taskBegin(task, number, process))
  }
  mutating func take(records: RawSpan, of task: UInt64, from first: UInt64, of process: Int) {
    recordCount += records.byteCount / 32
    let bytes = unsafe records.withUnsafeBytes { unsafe Array($0) }
    for index in 0..<(bytes.count / 32) {
      self.records[Task(process: process, task: task), default: [:]][first + UInt64(index)] =
        Array(bytes[index * 32..<(index + 1) * 32])
    }
  }
  mutating func end(task: UInt64, at number: UInt64, of process: Int) { calls.append(.taskEnd(task, number, process)) }
  mutating func end(_ process: Int, _ ending: ProcessEnding, at time: UInt64) {
    calls.append(.end(process, ending, time))
  }
  mutating func mark(_ time: UInt64) { calls.append(.mark(time)) }
}

/// A sink that only counts: for input that may be anything.
struct CountingSink: RecordingSink {
  var calls = 0
  var records = 0

  mutating func add(_ pair: ClockPair) { calls += 1 }
  mutating func begin(_ process: RecordedProcess) { calls += 1 }
  mutating func take(_ modules: [RecordedModule], of process: Int) { calls += 1 }
  mutating func take(_ snapshot: ProcessSnapshot, of process: Int) { calls += 1 }
  mutating func take(_ names: [String], from index: Int, of process: Int) { calls += 1 }
  mutating func take(stack: [UInt64], id: UInt32, of process: Int) { calls += 1 }
  mutating func begin(task: UInt64, at number: UInt64, of process: Int) { calls += 1 }
  mutating func take(records: RawSpan, of task: UInt64, from first: UInt64, of process: Int) {
    calls += 1
    self.records += records.byteCount / 32
  }
  mutating func end(task: UInt64, at number: UInt64, of process: Int) { calls += 1 }
  mutating func end(_ process: Int, _ ending: ProcessEnding, at time: UInt64) { calls += 1 }
  mutating func mark(_ time: UInt64) { calls += 1 }
}

/// A file in memory.
final class MemoryFile {
  var bytes: [UInt8] = []
  /// Where each of its pieces ends.
  var ends: [Int] = []

  func append(_ more: [UInt8]) {
    bytes += more
    ends.append(bytes.count)
  }

  /// Reads `bytes` from their beginning on.
  static func reader(_ bytes: [UInt8]) throws(FBTError) -> FBTReader {
    var position = 0
    return try FBTReader { (count: Int) throws(FBTError) in
      let end = min(bytes.count, position + count)
      defer { position = end }
      return Array(bytes[position..<end])
    }
  }

  static func read<Sink: RecordingSink>(_ bytes: [UInt8], into sink: inout Sink) throws -> (FBTReader, FBTEnding) {
    var reader = try reader(bytes)
    let ending = try reader.replay(into: &sink)
    return (reader, ending)
  }
}

extension FBTHeader {
  static let sample = FBTHeader(
    realTime: 1_700_000_000_000_000_000, monotonicTime: 77, tracer: "0.1.0", kernelRelease: "6.18.1", machine: "x86_64",
    pageSize: 4096)
}

extension RecordingSink {
  mutating func take(_ records: Records, dropping count: Int = 0, of task: UInt64, from first: UInt64, of process: Int)
    throws
  {
    let bytes = Array(records.bytes.dropFirst(count * RecordDecoder.recordBytes))
    try unsafe take(records: bytes.span.bytes, of: task, from: first + UInt64(count), of: process)
  }
}

/// Records of every kind, with likely and unlikely values.
func anyRecords(_ count: Int, from first: UInt64 = 0, using generator: inout Random) -> Records {
  var records = Records(from: first)
  var time: UInt64 = 1 << 40
  for _ in 0..<count {
    let kind = fibril_record_kind(
      Int.random(in: 0..<20, using: &generator) == 0
        ? UInt32.random(in: 0...0xFFFF, using: &generator) : UInt32.random(in: 1...11, using: &generator))
    func value() -> UInt64 {
      Bool.random(using: &generator)
        ? UInt64.random(in: 0...300, using: &generator)
        : generator.next() >> UInt64.random(in: 0...63, using: &generator)
    }
    time = Int.random(in: 0..<10, using: &generator) == 0 ? value() : time &+ value() % 5000
    records.add(kind, time: time, fibril: value(), arg: value(), arg32: UInt32(truncatingIfNeeded: value()))
  }
  return records
}
