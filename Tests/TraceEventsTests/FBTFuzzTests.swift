// No bytes make the reader of .fbt files crash, hang, or hand out more than they can hold.
import CFibrilContract
import Testing

@testable import TraceEvents

@Suite struct FBTFuzzTests {
  /// A recording with every kind of chunk in it, as small as can be.
  static func smallFile() throws -> MemoryFile {
    let file = MemoryFile()
    var writer = try FBTWriter(
      header: FBTHeader(
        realTime: 1, monotonicTime: 2, tracer: "", kernelRelease: "", machine: "", pageSize: 4096), write: file.append)
    try writer.add(ClockPair(ticks: 1, nanoseconds: 2))
    try writer.begin(RecordedProcess(index: 0, processID: 7, command: "a", begin: 1))
    try writer.take([RecordedModule(addresses: 1..<2, fileOffset: 3, path: "m", buildID: [4])], of: 0)
    try writer.take(["", "n"], from: 0, of: 0)
    try writer.take(FBTTests.snapshot(fibrils: 2), of: 0)
    try writer.begin(task: 1, at: 5, of: 0)
    try writer.take(stack: [0x4000, 0x5000], id: 7, of: 0)
    var records = Records(from: 5)
    for kind in 1...UInt32(12) {
      records.add(fibril_record_kind(kind), time: UInt64(kind) * 100, fibril: 2, arg: 1, arg32: 3)
    }
    try writer.take(records, of: 1, from: 5, of: 0)
    try writer.mark(5000)
    try writer.end(task: 1, at: 25, of: 0)
    try writer.end(0, .exited(status: 9), at: 6000)
    try writer.finish(at: 9000)
    return file
  }

  @Test(arguments: 1...10) func noMutantHurts(seed: UInt64) throws {
    var mutants = FBTMutants(try Self.smallFile(), seed: seed)
    var endings = (complete: 0, cut: 0, damaged: 0, refused: 0)
    var calls = 0
    for _ in 0..<10_500 {
      let bytes = mutants.next()
      var sink = CountingSink()
      do {
        let (reader, ending) = try MemoryFile.read(bytes, into: &sink)
        switch ending {
        case .complete: endings.complete += 1
        case .cut(let offset, let excess):
          endings.cut += 1
          try #require(offset + excess <= UInt64(bytes.count))
        case .damaged(let offset, _):
          endings.damaged += 1
          try #require(offset <= UInt64(bytes.count))
        }
        try #require(reader.offset <= UInt64(bytes.count))
      } catch is FBTError {
        endings.refused += 1
      }
      // A record takes a byte at least, or what zlib makes of one: at most 1032 bytes.
      try #require(sink.records <= bytes.count * 1032)
      calls += sink.calls
    }
    // Every way of ending was met, and the payloads of most were looked into.
    #expect(endings.complete > 1000 && endings.cut > 50 && endings.damaged > 1000 && endings.refused > 5, "\(endings)")
    #expect(calls > 30_000)
  }

  /// Nothing that a file says makes the reader keep more than its limits.
  @Test func listsWithoutAnEndAreDamage() throws {
    var head = ByteEncoder()
    RecordedProcess(index: 0, processID: 7, command: "a", begin: 1).encode(into: &head)
    let start = FBTHeader.sample.bytes + FBTChunk.seal(kind: FBTChunkKind.processBegin.rawValue, flags: 0, head.bytes)
    var module = ByteEncoder()
    RecordedModule(addresses: 1..<2, fileOffset: 3, path: "", buildID: []).encode(into: &module)
    var piece = ByteEncoder()
    piece.put(varint: 0)
    piece.put(FBTPieceFlags.first.rawValue)
    piece.put(varint: 10_000)
    for _ in 0..<10_000 { piece.put(raw: module.bytes) }
    var bytes = start + FBTChunk.seal(kind: FBTChunkKind.modules.rawValue, flags: 0, piece.bytes)
    var more = piece.bytes
    more[1] = 0
    let next = FBTChunk.seal(kind: FBTChunkKind.modules.rawValue, flags: 0, more)
    for _ in 0..<10 { bytes += next }
    var sink = CountingSink()
    let (reader, ending) = try MemoryFile.read(bytes, into: &sink)
    guard case .damaged = ending else {
      Issue.record("\(ending)")
      return
    }
    #expect(sink.calls == 1)
    #expect(reader.offset == UInt64(bytes.count - 5 * next.count))
  }
}
