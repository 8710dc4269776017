// Checksums and compression by zlib, behind functions that are safe to call.
internal import CZlib

enum Zlib {
  /// CRC-32 of what `checksum` was made of and then of bytes `range` of `bytes`.
  static func checksum(_ bytes: [UInt8], _ range: Range<Int>, continuing checksum: UInt32 = 0) -> UInt32 {
    precondition(range.lowerBound >= 0 && range.upperBound <= bytes.count)
    // zlib reads just the range, which lies within the array.
    return unsafe bytes.withUnsafeBufferPointer { buffer in
      guard let start = buffer.baseAddress else { return checksum }
      return unsafe UInt32(
        truncatingIfNeeded: crc32_z(UInt(checksum), start.advanced(by: range.lowerBound), range.count))
    }
  }

  /// A zlib stream of the bytes, behind `prefix`; nil if it would not be shorter.
  static func compress(_ bytes: [UInt8], level: Int32, prefix: [UInt8]) -> [UInt8]? {
    guard bytes.count > prefix.count else { return nil }
    var result = prefix + [UInt8](repeating: 0, count: bytes.count - prefix.count)
    var count = UInt(bytes.count - prefix.count)
    // zlib reads `bytes.count` bytes and writes at most `count`, for which there is room.
    let status = unsafe result.withUnsafeMutableBufferPointer { target in
      unsafe compress2(target.baseAddress! + prefix.count, &count, bytes, UInt(bytes.count), level)
    }
    guard status == Z_OK else { return nil }
    result.removeLast(result.count - prefix.count - Int(count))
    return result
  }

  /// What the zlib stream from `start` on holds, which must be `count` bytes, neither more nor fewer; else nil.
  static func decompress(_ bytes: [UInt8], from start: Int, count: Int) -> [UInt8]? {
    guard count > 0, start < bytes.count else { return nil }
    var result = [UInt8](repeating: 0, count: count)
    var written = UInt(count)
    // zlib reads at most the bytes from `start` on and writes at most `count`, for which there is room.
    let status = unsafe bytes.withUnsafeBufferPointer { source in
      unsafe uncompress(&result, &written, source.baseAddress! + start, UInt(source.count - start))
    }
    return status == Z_OK && written == UInt(count) ? result : nil
  }
}
