// Whether a file is the one that a process has mapped: what the process's memory holds of its first page
// is compared with it.
internal import CSystemCalls
internal import ELFNotes
internal import Glibc

/// The first bytes of a mapped file, as they lie in a process.
struct ModuleImage {
  private let bytes: [UInt8]

  /// Program headers and the notes behind them lie within.
  private static let maximumBytes: UInt64 = 16 << 10

  /// nil if no ELF file begins there.
  init?(of addresses: Range<UInt64>, _ memory: some MemoryReader) {
    let count = min(Self.maximumBytes, addresses.upperBound - addresses.lowerBound)
    let bytes = memory.read([addresses.lowerBound..<addresses.lowerBound + count])[0]
    guard bytes.count >= 64, bytes.starts(with: [0x7f, 0x45, 0x4c, 0x46]) else { return nil }
    self.bytes = Array(bytes)
  }

  /// nil if nobody can tell. Build ids decide; where there is none, the program headers.
  func isBeginning(ofFile path: String) -> Bool? {
    let own = buildID
    let other = (try? ELFNotes.buildID(inFile: path)) ?? nil
    if own != nil || other != nil { return own == other }
    guard let file = OpenFile(path) else { return nil }
    // Where the headers are is in the 8 bytes at 32, how large and how many in the four at 54.
    let place = bytes.load(UInt64.self, at: 32)
    let count = Int(bytes.load(UInt16.self, at: 54)) * Int(bytes.load(UInt16.self, at: 56))
    guard count > 0, place <= UInt64(bytes.count), count <= bytes.count - Int(place) else { return nil }
    var headers = [UInt8](repeating: 0, count: count)
    guard file.read(count, from: place, to: &headers, at: 0) == count else { return false }
    return headers.elementsEqual(bytes[Int(place)..<Int(place) + count])
  }

  var buildID: [UInt8]? { withFile { (try? ELFNotes.buildID(inFile: $0)) ?? nil } }

  /// The distance of the fibril table from the file's first byte.
  var tableDistance: UInt64? { withFile { ModuleImage.tableDistance(inFile: $0) } }

  static func tableDistance(inFile path: String) -> UInt64? {
    guard let address = try? ELFNotes.tableNote(inFile: path), let base = try? ELFNotes.imageBase(inFile: path) else {
      return nil
    }
    return address &- base
  }

  private func withFile<Result>(_ body: (String) -> Result?) -> Result? {
    // Safe: the bytes are only read.
    let descriptor = unsafe fibril_memory_file(bytes, bytes.count)
    guard descriptor >= 0 else { return nil }
    defer { close(descriptor) }
    return body("/proc/self/fd/\(descriptor)")
  }
}
