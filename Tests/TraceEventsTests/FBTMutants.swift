// Files that no writer writes: sound ones with something wrong in them, most with checksums that are right again.

@testable import TraceEvents

/// Makes mutants of a sound file.
struct FBTMutants {
  /// A chunk, taken apart.
  private struct Piece {
    var kind: UInt16
    var flags: UInt16
    /// Not compressed.
    var payload: [UInt8]
  }

  private let header: [UInt8]
  private let pieces: [Piece]
  var generator: Random

  init(_ file: MemoryFile, seed: UInt64) {
    header = Array(file.bytes[..<file.ends[0]])
    pieces = zip(file.ends, file.ends.dropFirst()).map { start, end in
      let bytes = Array(file.bytes[start..<end])
      return Piece(
        kind: UInt16(bytes[4]) | UInt16(bytes[5]) << 8, flags: UInt16(bytes[6]), payload: Array(bytes[12...]))
    }
    generator = Random(state: seed &* 0x9E37_79B9_7F4A_7C15)
  }

  mutating func next() -> [UInt8] {
    var pieces = pieces
    for _ in 0...below(3) {
      switch below(12) {
      case 0: pieces.remove(at: below(pieces.count))
      case 1: pieces.insert(pieces[below(pieces.count)], at: below(pieces.count))
      case 2: pieces.swapAt(below(pieces.count), below(pieces.count))
      case 3: pieces[below(pieces.count)].kind = UInt16(below(16))
      case 4: pieces[below(pieces.count)].flags ^= UInt16(1 << below(3))
      default:
        let index = below(pieces.count)
        pieces[index].payload = mutated(pieces[index].payload)
      }
      if pieces.isEmpty { break }
    }
    var bytes = header
    for piece in pieces {
      let isBomb = piece.flags & 1 != 0 && below(2) == 0
      let payload = isBomb ? compressed(piece.payload) : piece.payload
      bytes += FBTChunk.seal(kind: piece.kind, flags: piece.flags, payload)
    }
    // Some keep a checksum that is wrong, or have an end that is missing.
    if below(6) == 0 { bytes = mutated(bytes) }
    return bytes
  }

  /// With a length in front that is right, or is not.
  private mutating func compressed(_ payload: [UInt8]) -> [UInt8] {
    var length = ByteEncoder()
    length.put(UInt32(truncatingIfNeeded: below(3) == 0 ? below(1 << 21) : payload.count))
    // Padded, since zlib only counts as shorter.
    return Zlib.compress(payload + [UInt8](repeating: 0, count: 64), level: 1, prefix: length.bytes) ?? payload
  }

  private mutating func mutated(_ bytes: [UInt8]) -> [UInt8] {
    var bytes = bytes
    for _ in 0...below(4) {
      let place = below(bytes.count + 1)
      switch below(6) {
      case 0 where place < bytes.count: bytes[place] ^= 1 << UInt8(below(8))
      case 1 where place < bytes.count: bytes[place] = [0, 1, 0x7F, 0x80, 0xFF][below(5)]
      case 2 where place < bytes.count: bytes.removeSubrange(place..<min(bytes.count, place + 1 + below(8)))
      case 3: bytes.insert(contentsOf: [UInt8](repeating: 0xFF, count: 1 + below(10)), at: place)
      case 4: bytes.insert(contentsOf: bytes.prefix(1 + below(20)), at: place)
      default:
        for index in place..<min(bytes.count, place + 8) { bytes[index] = UInt8(below(256)) }
      }
    }
    return bytes
  }

  private mutating func below(_ bound: Int) -> Int {
    bound <= 1 ? 0 : Int(generator.next() >> 1) % bound
  }
}
