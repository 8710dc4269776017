// One finished chunk of a .fbt file: header, checksum, and a payload that may be compressed.

/// A finished piece of a `.fbt` file.
public struct FBTChunk: Sendable {
  public let kind: FBTChunkKind
  /// As they belong into the file: header, payload.
  public let bytes: [UInt8]

  /// The header of a file.
  public init(_ header: FBTHeader) {
    kind = .header
    bytes = header.bytes
  }

  /// Seals a payload. `level` is zlib's, 0: not compressed.
  init(_ kind: FBTChunkKind, _ payload: [UInt8], level: Int32) {
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
