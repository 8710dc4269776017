// The compiled BPF programs, carried inside this binary as base64 text.

/// One compiled `bpf/*.bpf.c`.
public struct BPFObject: Sendable {
  /// The name libbpf and the kernel show for it.
  public let name: String
  private let text: StaticString

  /// `bpf/batch.bpf.c`: copies whole buffers of records into a ring.
  public static let batch = BPFObject(name: "fibril_batch", text: batchObject)

  /// `bpf/precise.bpf.c`: a ring entry for every event.
  public static let precise = BPFObject(name: "fibril_precise", text: preciseObject)

  /// The ELF object.
  public func decoded() -> [UInt8] {
    text.withUTF8Buffer { unsafe Base64.decode($0.span) }
  }
}

/// Base64 without line breaks, as the build writes it.
enum Base64 {
  static func decode(_ text: Span<UInt8>) -> [UInt8] {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(text.count / 4 * 3)
    var bits: UInt32 = 0
    var count = 0
    for index in text.indices {
      guard let value = value(of: text[index]) else { break }
      bits = bits << 6 | value
      count += 6
      if count >= 8 {
        count -= 8
        bytes.append(UInt8(truncatingIfNeeded: bits >> count))
      }
    }
    return bytes
  }

  /// Nil for the padding at the end.
  private static func value(of character: UInt8) -> UInt32? {
    switch character {
    case UInt8(ascii: "A")...UInt8(ascii: "Z"): UInt32(character - UInt8(ascii: "A"))
    case UInt8(ascii: "a")...UInt8(ascii: "z"): UInt32(character - UInt8(ascii: "a")) + 26
    case UInt8(ascii: "0")...UInt8(ascii: "9"): UInt32(character - UInt8(ascii: "0")) + 52
    case UInt8(ascii: "+"): 62
    case UInt8(ascii: "/"): 63
    default: nil
    }
  }
}
