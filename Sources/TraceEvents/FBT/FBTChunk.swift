// One finished chunk of a .fbt file, and what a flight recorder must know to keep it or to let it go.

/// A finished piece of a `.fbt` file.
public struct FBTChunk: Sendable {
  /// Records of one task in a chunk.
  public struct TaskRecords: Equatable, Sendable {
    /// The process's number in the recording.
    public var process: Int
    public var task: UInt64
    /// Number of the first one.
    public var first: UInt64
    /// One past the number of the last one.
    public var end: UInt64
  }

  public let kind: FBTChunkKind
  /// As they belong into the file: header, payload.
  public let bytes: [UInt8]
  /// The process it is of; nil if of none, or of several.
  public var process: Int? = nil
  /// What records are in it, run by run. Empty for all kinds but `records`.
  public var tasks: [TaskRecords] = []
  /// The earliest and the latest time of its records, in ticks of their process's clock. Nil for all kinds but
  /// `records`. Wakes, which may be older, do not count.
  public var ticks: ClosedRange<UInt64>? = nil

  /// The header of a file.
  public init(_ header: FBTHeader) {
    kind = .header
    bytes = header.bytes
  }

  /// Seals a payload. `level` is zlib's, 0: not compressed.
  init(_ kind: FBTChunkKind, _ payload: [UInt8], process: Int? = nil, level: Int32 = 0) {
    precondition(payload.count <= FBTFormat.mostPayloadBytes)
    var stored = payload
    var flags: FBTChunkFlags = []
    if level > 0, payload.count >= Self.leastCompressedBytes {
      var prefix = ByteEncoder()
      prefix.put(UInt32(payload.count))
      if let compressed = Zlib.compress(payload, level: level, prefix: prefix.bytes) {
        stored = compressed
        flags = .zlib
      }
    }
    self.kind = kind
    self.process = process
    bytes = Self.seal(kind: kind.rawValue, flags: flags.rawValue, stored)
  }

  /// A smaller payload is not worth the time.
  private static let leastCompressedBytes = 256

  /// Header and payload.
  static func seal(kind: UInt16, flags: UInt16, _ payload: [UInt8]) -> [UInt8] {
    var encoder = ByteEncoder()
    encoder.put(UInt32(payload.count))
    encoder.put(kind)
    encoder.put(flags)
    let checksum = Zlib.checksum(encoder.bytes, 0..<encoder.count)
    encoder.put(Zlib.checksum(payload, 0..<payload.count, continuing: checksum))
    encoder.put(raw: payload)
    return encoder.bytes
  }
}
