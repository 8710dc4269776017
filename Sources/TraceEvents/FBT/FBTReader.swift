// Reads a .fbt file, which may be anything, from its beginning to wherever it ends.

/// Feeds what a `.fbt` file holds to a sink, in one pass.
///
/// It never holds more than a chunk, except for what must be handed out whole: a snapshot, the modules of a process.
/// Those have limits. No bytes make it crash, or read for ever.
public struct FBTReader {
  /// What the file says of itself.
  public let header: FBTHeader
  /// The last chunk's numbers; nil as long as that has not been read.
  public internal(set) var totals: FBTTotals?
  /// When the recording ended, CLOCK_MONOTONIC in ns: the last chunk, or the latest mark so far.
  public internal(set) var end: UInt64 = 0
  /// Where in the file what has been read ends, in bytes.
  public private(set) var offset: UInt64

  private let read: (Int) throws(FBTError) -> [UInt8]
  var contents = FBTContents()

  /// Reads the header. `read` is asked for so many bytes, and gives fewer only where the file ends.
  ///
  /// Throws `FBTError` if this is no `.fbt` file that this program can read, and what `read` throws.
  public init(read: @escaping (Int) throws(FBTError) -> [UInt8]) throws(FBTError) {
    self.read = read
    var size = 0
    header = try FBTHeader(reading: read, size: &size)
    offset = UInt64(size)
  }

  /// Feeds everything to `sink` and says how the file ended. If it was cut or damaged, `sink` has got what was whole,
  /// and misses the ends of the processes that were open.
  ///
  /// Throws what `read` and the sink throw.
  public mutating func replay(into sink: inout some RecordingSink) throws -> FBTEnding {
    while true {
      if let ending = try next(into: &sink) { return ending }
    }
  }

  /// Feeds the next chunk to `sink`; says how the file ended if there is none.
  ///
  /// Throws what `read` and the sink throw.
  public mutating func next(into sink: inout some RecordingSink) throws -> FBTEnding? {
    if totals != nil { return .complete }
    let head = try read(FBTFormat.chunkHeaderBytes)
    guard head.count == FBTFormat.chunkHeaderBytes else { return .cut(offset: offset, excess: UInt64(head.count)) }
    do {
      var decoder = ByteDecoder(head)
      let count: UInt32 = try decoder.take()
      let kind: UInt16 = try decoder.take()
      let flags = FBTChunkFlags(rawValue: try decoder.take())
      let checksum: UInt32 = try decoder.take()
      guard count <= UInt32(FBTFormat.mostPayloadBytes) else { throw DamageError("a chunk is longer than any may be") }
      let payload = try read(Int(count))
      guard payload.count == Int(count) else {
        return .cut(offset: offset, excess: UInt64(head.count + payload.count))
      }
      let start = Zlib.checksum(head, 0..<FBTFormat.chunkHeaderBytes - 4)
      guard Zlib.checksum(payload, 0..<payload.count, continuing: start) == checksum else {
        throw DamageError("a chunk's checksum is wrong")
      }
      if let kind = FBTChunkKind(rawValue: kind), kind != .header, flags.isSubset(of: .zlib) {
        try take(kind, flags.contains(.zlib) ? try Self.decompress(payload) : payload, into: &sink)
      }
      offset += UInt64(head.count + payload.count)
      return nil
    } catch let error as DamageError {
      return .damaged(offset: offset, cause: error.cause)
    }
  }

  private static func decompress(_ payload: [UInt8]) throws(DamageError) -> [UInt8] {
    var decoder = ByteDecoder(payload)
    let count: UInt32 = try decoder.take()
    guard count <= UInt32(FBTFormat.mostPayloadBytes) else { throw DamageError("a chunk is longer than any may be") }
    guard let bytes = Zlib.decompress(payload, from: decoder.position, count: Int(count)) else {
      throw DamageError("a chunk cannot be decompressed")
    }
    return bytes
  }
}
