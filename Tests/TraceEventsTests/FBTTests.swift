// What is written to a .fbt file comes out of it again, and what was cut off does not.
import CFibrilContract
import Testing

@testable import TraceEvents

@Suite struct FBTTests {
  /// A recording with everything in it, of two processes.
  static func tell(_ sink: inout some RecordingSink, seed: UInt64 = 1) throws {
    var generator = Random(state: seed)
    try sink.add(ClockPair(ticks: 1, nanoseconds: 2))
    try sink.begin(
      RecordedProcess(
        index: 0, processID: 4711, parentID: 1, command: "server", executable: "/usr/bin/server", begin: 1000))
    try sink.take(
      [
        RecordedModule(addresses: 0x1000..<0x9000, fileOffset: 4096, path: "/usr/bin/server", buildID: [1, 2, 255]),
        RecordedModule(addresses: 0x7000_0000_0000..<0x7000_0000_1000, fileOffset: 0, path: "", buildID: []),
      ], of: 0)
    try sink.take(["", "worker", "größe"], from: 0, of: 0)
    try sink.begin(task: 1, at: 5, of: 0)
    try sink.take(snapshot(fibrils: 10), of: 0)
    try sink.take(stack: [0x4000, 0x3FFF, .max, 0], id: 7, of: 0)
    try sink.take(stack: [], id: .max, of: 0)
    try sink.take(anyRecords(3000, from: 5, using: &generator), of: 1, from: 5, of: 0)
    try sink.begin(
      RecordedProcess(
        index: 1, processID: 4712, command: "child", origin: .forked, clock: .monotonic, begin: .max))
    try sink.take(stack: [1, 2, 3], id: 8, of: 1)
    try sink.take(anyRecords(20, using: &generator), of: 1, from: 0, of: 1)
    try sink.take(anyRecords(1, using: &generator), of: .max, from: 0, of: 1)
    try sink.mark(5000)
    try sink.take(["more"], from: 3, of: 0)
    try sink.end(task: 1, at: 25, of: 1)
    try sink.end(1, .exited(status: -1), at: 6000)
    try sink.end(0, .executed, at: 7000)
    try sink.mark(8000)
  }

  static func snapshot(fibrils: Int) -> ProcessSnapshot {
    var snapshot = ProcessSnapshot(processID: 4711, command: "server", ident: 99, time: 1234, runtime: "fibril 0.1")
    var task = TaskSnapshot(
      task: 1, threadID: 4711, running: 1, root: 1, runnable: 3, nextNumber: 5, counts: EventCounts())
    task.counts.wakes = .max
    task.helpers = 2
    snapshot.tasks = [task]
    for number in 0..<UInt64(fibrils) {
      var fibril = FibrilSnapshot(fibril: number + 1, task: 1, state: number == 0 ? .running : .blocked)
      fibril.reason = .mutex
      fibril.object = 0x7000_0000_0000 + number
      fibril.call = number % 2 == 0 ? nil : UInt32(number)
      fibril.arguments = [1, .max]
      fibril.stack = 0x1000..<0x5000
      fibril.isRoot = number == 0
      fibril.changedWhileRead = number == 3
      fibril.nextNumber = number
      snapshot.fibrils.append(fibril)
    }
    return snapshot
  }

  static func file(level: Int32 = 0, recordsLevel: Int32 = 0) throws -> MemoryFile {
    let file = MemoryFile()
    var writer = try FBTWriter(
      header: .sample, options: FBTWriter.Options(recordsLevel: recordsLevel, level: level), write: file.append)
    try tell(&writer)
    try writer.finish(at: 9000)
    return file
  }

  @Test(arguments: [Int32(0), 1, 9]) func everyCallComesOutAgain(level: Int32) throws {
    var direct = CallRecorder()
    try Self.tell(&direct)
    var read = CallRecorder()
    let file = try Self.file(level: level, recordsLevel: level)
    let (reader, ending) = try MemoryFile.read(file.bytes, into: &read)
    #expect(ending == .complete)
    #expect(reader.header == .sample)
    #expect(reader.end == 9000)
    #expect(reader.offset == UInt64(file.bytes.count))
    // A chunk of records may come later than what needs no order, so only the calls of one kind and process have one.
    func sorted(_ calls: [CallRecorder.Call]) -> [String] { calls.map { "\($0)" }.sorted() }
    #expect(sorted(read.calls) == sorted(direct.calls))
    #expect(read.records == direct.records)
    #expect(read.recordCount == 3021)
  }

  /// A file that is cut at any byte gives exactly the chunks in front of the cut.
  @Test func aFileCutAnywhereIsReadUpToTheLastWholeChunk() throws {
    let file = try Self.file()
    let head = file.ends[0]
    var whole = 1
    for length in head..<file.bytes.count {
      if whole < file.ends.count, length >= file.ends[whole] { whole += 1 }
      // All lengths near the ends of chunks, and some of the others.
      guard length % 97 == 0 || file.ends.contains(where: { abs($0 - length) < 14 }) else { continue }
      var sink = CountingSink()
      let (reader, ending) = try MemoryFile.read(Array(file.bytes[..<length]), into: &sink)
      let end = file.ends[whole - 1]
      #expect(ending == .cut(offset: UInt64(end), excess: UInt64(length - end)))
      #expect(reader.totals == nil)
      #expect(sink.calls >= whole - 1)
    }
  }

  @Test func aFileCutInItsHeaderIsNone() throws {
    let file = try Self.file()
    for length in 0..<file.ends[0] {
      let expected: FBTError = length < 8 ? .notFBT : .damagedHeader
      #expect(throws: expected) { try MemoryFile.reader(Array(file.bytes[..<length])) }
    }
  }

  @Test func anotherMajorVersionIsRefusedAndAYoungerMinorOneIsNot() throws {
    var header = FBTHeader.sample
    header.major = 2
    #expect(throws: FBTError.unknownVersion(major: 2)) { try MemoryFile.reader(header.bytes) }
    header.major = 1
    header.minor = 99
    #expect(try MemoryFile.reader(header.bytes).header.minor == 99)
  }

  /// What a younger version adds is skipped: kinds, flags, and bytes behind what is known.
  @Test func whatIsNotKnownIsSkipped() throws {
    let mark: [UInt8] = [1, 0, 0, 0, 0, 0, 0, 0]
    var bytes = header(FBTHeader.sample.bytes, with: [1, 2, 3])
    bytes += FBTChunk.seal(kind: 999, flags: 0, [1, 2, 3])
    bytes += FBTChunk.seal(kind: FBTChunkKind.mark.rawValue, flags: 0x80, mark)
    bytes += FBTChunk.seal(kind: FBTChunkKind.mark.rawValue, flags: 0, mark + [9, 9, 9])
    var sink = CallRecorder()
    let (reader, ending) = try MemoryFile.read(bytes, into: &sink)
    #expect(reader.header == .sample)
    #expect(ending == .cut(offset: UInt64(bytes.count), excess: 0))
    #expect(sink.calls == [.mark(1)])
  }

  /// A header with something behind what is known.
  private func header(_ bytes: [UInt8], with more: [UInt8]) -> [UInt8] {
    var fixed = ByteEncoder()
    fixed.put(raw: Array(bytes[..<12]))
    fixed.put(UInt32(bytes.count - FBTFormat.fixedHeaderBytes + more.count))
    let facts = Array(bytes[FBTFormat.fixedHeaderBytes...]) + more
    let checksum = Zlib.checksum(fixed.bytes, 0..<fixed.count)
    fixed.put(Zlib.checksum(facts, 0..<facts.count, continuing: checksum))
    return fixed.bytes + facts
  }

  @Test func aWrongByteIsDamage() throws {
    let file = try Self.file()
    for place in stride(from: file.ends[0], to: file.bytes.count, by: 61) {
      var bytes = file.bytes
      bytes[place] ^= 0x10
      var sink = CountingSink()
      let (_, ending) = try MemoryFile.read(bytes, into: &sink)
      let start = file.ends.last { $0 <= place }!
      switch ending {
      case .damaged(let offset, _), .cut(let offset, _): #expect(offset == UInt64(start))
      case .complete: Issue.record("a wrong byte at \(place) was not seen")
      }
    }
  }

  /// A chunk that would become larger than any may be is not even begun.
  @Test func aBombDoesNotGoOff() throws {
    let huge = try #require(Zlib.compress([UInt8](repeating: 0, count: 64 << 20), level: 9, prefix: [0, 0, 0, 4]))
    for announced in [UInt32(64 << 20), 1 << 20, 8, 0, .max] {
      var payload = ByteEncoder()
      payload.put(announced)
      payload.put(raw: Array(huge[4...]))
      let bytes = FBTHeader.sample.bytes + FBTChunk.seal(kind: 11, flags: 1, payload.bytes)
      var sink = CountingSink()
      let (_, ending) = try MemoryFile.read(bytes, into: &sink)
      guard case .damaged = ending else {
        Issue.record("\(announced) bytes were taken")
        continue
      }
      #expect(sink.calls == 0)
    }
  }

  @Test func manyFibrilsTakeSeveralChunks() throws {
    let file = MemoryFile()
    var writer = try FBTWriter(header: .sample, write: file.append)
    try writer.begin(RecordedProcess(index: 3, processID: 1, command: "many", begin: 0))
    let snapshot = Self.snapshot(fibrils: 20_000)
    try writer.take(snapshot, of: 3)
    let names = (0..<20_000).map { "name of fibril \($0)" }
    try writer.take(names, from: 0, of: 3)
    try writer.finish(at: 1)
    #expect(file.ends.count > 10)
    var sink = CallRecorder()
    _ = try MemoryFile.read(file.bytes, into: &sink)
    #expect(sink.calls[1] == .snapshot(snapshot, 3))
    let read = sink.calls.flatMap { if case .names(let names, _, _) = $0 { names } else { [String]() } }
    #expect(read == names)
  }

  /// What a reader would refuse is left out.
  @Test func namesForWhichThereIsNoRoomAreLeftOut() throws {
    var account = ProcessAccount()
    #expect(account.take(["a", "b", "c"], from: 0, room: 2)?.names == ["a", "b"])
    #expect(account.take(["c"], from: 2, room: 0) == nil)
    #expect(account.take(["c"], from: 2, room: 1)?.names == ["c"])
    #expect(account.names == 3)
  }

  @Test func afterAFailedWriteNothingIsWritten() throws {
    struct DiskFull: Error {}
    var room = 3
    var writes = 0
    var writer = try FBTWriter(header: .sample) { _ in
      writes += 1
      room -= 1
      if room < 0 { throw DiskFull() }
    }
    #expect(throws: DiskFull.self) { try Self.tell(&writer) }
    #expect(throws: DiskFull.self) { try writer.mark(5) }
    #expect(throws: DiskFull.self) { try writer.finish(at: 5) }
    #expect(writes == 4)
  }
}
