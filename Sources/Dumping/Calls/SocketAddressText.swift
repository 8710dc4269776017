// The address of a socket as text: `{AF_INET, 127.0.0.1:80}`, `{AF_UNIX, "/run/x"}`.
internal import Texts

/// Writes one address out of another process's memory.
struct SocketAddressText {
  /// The bytes that could be read of it, two at least.
  let bytes: [UInt8]
  /// How many there are to be.
  let length: Int

  func append(to text: inout ByteText) {
    let family = bytes.number(UInt16.self, at: 0) ?? 0
    text.append("{")
    ConstantNames.families.append(UInt64(family), to: &text)
    let start = text.bytes.count
    switch family {
    case 1: appendUnix(to: &text)
    case 2: appendInternet(to: &text)
    case 10: appendInternet6(to: &text)
    case 16: appendNetlink(to: &text)
    case 40: appendVirtual(to: &text)
    default: break
    }
    if text.bytes.count == start, family != 0 {
      text.append(", ")
      text.append(decimal: UInt64(length))
      text.append(" bytes")
    }
    text.append("}")
  }

  /// A path; or behind a zero a name of its own, which may hold anything.
  private func appendUnix(to text: inout ByteText) {
    let path = bytes.dropFirst(2)
    guard let first = path.first else { return }
    text.append(", \"")
    if first == 0 {
      text.append("@")
      text.append(escaped: path.dropFirst())
    } else {
      text.append(escaped: path.prefix { $0 != 0 })
    }
    text.append("\"")
  }

  private func appendInternet(to text: inout ByteText) {
    guard bytes.count >= 8 else { return }
    text.append(", ")
    appendDotted(bytes[4..<8], to: &text)
    appendPort(to: &text)
  }

  private func appendInternet6(to text: inout ByteText) {
    guard bytes.count >= 24 else { return }
    text.append(", [")
    appendGroups(to: &text)
    if let scope = bytes.number(UInt32.self, at: 24), scope != 0 {
      text.append("%")
      text.append(decimal: UInt64(scope))
    }
    text.append("]")
    appendPort(to: &text)
  }

  private func appendNetlink(to text: inout ByteText) {
    guard let port = bytes.number(UInt32.self, at: 4), let groups = bytes.number(UInt32.self, at: 8) else { return }
    text.append(", port ")
    text.append(decimal: UInt64(port))
    text.append(", groups ")
    text.append(bits: UInt64(groups))
  }

  private func appendVirtual(to text: inout ByteText) {
    guard let port = bytes.number(UInt32.self, at: 4), let context = bytes.number(UInt32.self, at: 8) else { return }
    text.append(", ")
    text.append(int: UInt64(context))
    text.append(":")
    text.append(decimal: UInt64(port))
  }

  private func appendPort(to text: inout ByteText) {
    text.append(":")
    text.append(decimal: UInt64(bytes[2]) << 8 | UInt64(bytes[3]))
  }

  private func appendDotted(_ numbers: ArraySlice<UInt8>, to text: inout ByteText) {
    for (index, number) in numbers.enumerated() {
      if index > 0 { text.append(".") }
      text.append(decimal: UInt64(number))
    }
  }

  /// The longest run of two zeros and more is left out, as RFC 5952 has it.
  private func appendGroups(to text: inout ByteText) {
    let groups = (0..<8).map { UInt64(bytes[8 + $0 * 2]) << 8 | UInt64(bytes[9 + $0 * 2]) }
    if groups[..<5].allSatisfy({ $0 == 0 }), groups[5] == 0xffff {
      text.append("::ffff:")
      return appendDotted(bytes[20..<24], to: &text)
    }
    var hidden = 0..<0
    for start in 0..<8 {
      let end = groups[start...].firstIndex { $0 != 0 } ?? 8
      if end - start > max(hidden.count, 1) { hidden = start..<end }
    }
    for (index, group) in groups.enumerated() {
      if hidden.contains(index) {
        if index == hidden.lowerBound { text.append("::") }
        continue
      }
      if index > 0, index != hidden.upperBound || hidden.isEmpty { text.append(":") }
      text.append(own: String(group, radix: 16))
    }
  }
}
