// Lists that may be too long for one chunk: several chunks, of which the first and the last are known as such.

/// What stands in the payload of each piece of a list behind the process.
struct FBTPieceFlags: OptionSet {
  var rawValue: UInt8
  /// The list's head follows.
  static let first = FBTPieceFlags(rawValue: 1)
  static let last = FBTPieceFlags(rawValue: 2)
}

/// What an item of a snapshot is.
enum SnapshotItem: UInt8 {
  case task = 0
  case fibril = 1
}

/// Makes the chunks of one list.
struct FBTPieces {
  private let kind: FBTChunkKind
  private let process: Int
  private let level: Int32
  private let head: ByteEncoder
  private var items = ByteEncoder()
  private var count = 0
  private var flags: FBTPieceFlags = .first

  init(_ kind: FBTChunkKind, _ process: Int, level: Int32, head: (inout ByteEncoder) -> Void = { _ in }) {
    self.kind = kind
    self.process = process
    self.level = level
    var encoder = ByteEncoder()
    head(&encoder)
    self.head = encoder
  }

  /// Adds an item, and hands out those in front of it when they fill a chunk.
  mutating func add(_ item: (inout ByteEncoder) -> Void) -> FBTChunk? {
    let full = items.count >= FBTFormat.pieceBytes ? chunk() : nil
    item(&items)
    count += 1
    return full
  }

  /// The last piece, which may be the only one, and empty.
  mutating func last() -> FBTChunk {
    flags.insert(.last)
    return chunk()
  }

  private mutating func chunk() -> FBTChunk {
    var encoder = ByteEncoder()
    encoder.put(varint: process)
    encoder.put(flags.rawValue)
    if flags.contains(.first) { encoder.put(raw: head.bytes) }
    encoder.put(varint: count)
    encoder.put(raw: items.bytes)
    items.clear()
    count = 0
    flags = []
    return FBTChunk(kind, encoder.bytes, level: level)
  }
}
