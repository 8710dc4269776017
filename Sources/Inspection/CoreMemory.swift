// The memory in a core file, and behind it, for pages that no core file holds, in the files that were mapped.

/// Memory made of pieces of files.
struct CoreMemory: MemoryReader, Sendable {
  /// One piece: the file holds all of it.
  struct Piece: Sendable {
    var addresses: Range<UInt64>
    var file: OpenFile
    var fileOffset: UInt64
  }

  /// By address; none overlaps another.
  private(set) var pieces: [Piece] = []

  init() {}

  /// Adds a piece as far as its file holds it, where nothing is yet. `add` many, then `sort`.
  mutating func add(_ address: UInt64, _ bytes: UInt64, _ file: OpenFile, at fileOffset: UInt64) {
    guard fileOffset < file.bytes, let addresses = Range(address, bytes: min(bytes, file.bytes - fileOffset)),
      !addresses.isEmpty
    else { return }
    pieces.append(Piece(addresses: addresses, file: file, fileOffset: fileOffset))
  }

  /// Of pieces that overlap the lower one counts.
  mutating func sort() {
    pieces.sort { $0.addresses.lowerBound < $1.addresses.lowerBound }
    var end: UInt64 = 0
    var sound: [Piece] = []
    for piece in pieces where piece.addresses.lowerBound >= end {
      sound.append(piece)
      end = piece.addresses.upperBound
    }
    pieces = sound
  }

  func piece(at address: UInt64) -> Piece? {
    let low = pieces.partitioningIndex { $0.addresses.upperBound > address }
    return low < pieces.count && pieces[low].addresses.contains(address) ? pieces[low] : nil
  }

  func copy(_ ranges: ArraySlice<Range<UInt64>>, to bytes: inout [UInt8], at offset: Int) -> Int {
    var total = 0
    for range in ranges {
      var address = range.lowerBound
      while address < range.upperBound {
        guard let piece = piece(at: address) else { return total }
        let count = Int(min(range.upperBound, piece.addresses.upperBound) - address)
        let got = piece.file.read(
          count, from: piece.fileOffset + (address - piece.addresses.lowerBound), to: &bytes, at: offset + total)
        total += got
        guard got == count else { return total }
        address += UInt64(count)
      }
    }
    return total
  }
}
