// What the arguments of a system call point at, as text: times, lists of descriptors and buffers.
internal import Texts

/// Writes one structure out of another process's memory. Whatever its bytes say, the text is short.
struct StructureText {
  /// How many elements of a list are shown.
  static let shownPolls = 4
  /// As many as lie in what is copied of an argument.
  static let countedBuffers = 16
  private static let shownDescriptors = 8

  /// As many as could be copied.
  let bytes: [UInt8]
  /// Where they lie, for what cannot be read.
  let address: UInt64
  let descriptors: DescriptorNames?

  /// `count` is the argument behind this one, `bits` the first.
  func append(_ structure: ArgumentKind.Structure, count: Int, bits: Int, to text: inout ByteText) {
    let start = text.bytes.count
    if !appendWhole(structure, count: count, bits: bits, to: &text), text.bytes.count == start {
      text.append(pointer: address)
    }
  }

  /// False, and nothing written, where bytes are missing.
  private func appendWhole(
    _ structure: ArgumentKind.Structure, count: Int, bits: Int, to text: inout ByteText
  ) -> Bool {
    switch structure {
    case .socketAddress:
      guard count > 1, bytes.count >= 2 else { return false }
      SocketAddressText(bytes: Array(bytes.prefix(count)), length: count).append(to: &text)
    case .time: return appendTime(at: 0, unit: 1, to: &text)
    case .oldTime: return appendTime(at: 0, unit: 1000, to: &text)
    case .timerTimes: return appendTimer(unit: 1, to: &text)
    case .oldTimerTimes: return appendTimer(unit: 1000, to: &text)
    case .fileTimes: return appendFileTimes(to: &text)
    case .pollList: return appendPolls(count, to: &text)
    case .vector: return appendBuffers(count, to: &text)
    case .descriptorSet: return appendSet(bits, to: &text)
    case .epollEvent: return appendEvent(to: &text)
    case .signalSet: return appendSignals(to: &text)
    case .header: return appendHeader(to: &text)
    case .how: return appendHow(to: &text)
    case .cloneArguments:
      guard let flags = word(at: 0) else { return false }
      text.append("{flags=")
      ConstantNames.clone.append(flags, to: &text)
      text.append("}")
    case .int:
      guard let value = bytes.number(UInt32.self, at: 0) else { return false }
      text.append("[")
      text.append(int: UInt64(value))
      text.append("]")
    }
    return true
  }

  private func word(at offset: Int) -> UInt64? { bytes.number(UInt64.self, at: offset) }

  // MARK: Times

  private func appendTime(at offset: Int, unit: UInt64, to text: inout ByteText) -> Bool {
    guard let seconds = word(at: offset), let fraction = word(at: offset + 8) else { return false }
    let nanoseconds = fraction.multipliedReportingOverflow(by: unit)
    if nanoseconds.overflow || nanoseconds.partialValue >= 1_000_000_000 {
      // No time, and the kernel will say so.
      text.append("{")
      text.append(signed: Int64(bitPattern: seconds))
      text.append(", ")
      text.append(signed: Int64(bitPattern: fraction))
      text.append("}")
    } else {
      text.append(seconds: Int64(bitPattern: seconds), nanoseconds.partialValue)
    }
    return true
  }

  /// An interval and the time until the first end.
  private func appendTimer(unit: UInt64, to text: inout ByteText) -> Bool {
    guard bytes.count >= 32 else { return false }
    text.append("{")
    _ = appendTime(at: 16, unit: unit, to: &text)
    if word(at: 0) != 0 || word(at: 8) != 0 {
      text.append(", then every ")
      _ = appendTime(at: 0, unit: unit, to: &text)
    }
    text.append("}")
    return true
  }

  private func appendFileTimes(to text: inout ByteText) -> Bool {
    guard bytes.count >= 32 else { return false }
    text.append("[")
    for offset in [0, 16] {
      if offset > 0 { text.append(", ") }
      switch word(at: offset + 8) {
      case 0x3fff_ffff: text.append("UTIME_NOW")
      case 0x3fff_fffe: text.append("UTIME_OMIT")
      default: _ = appendTime(at: offset, unit: 1, to: &text)
      }
    }
    text.append("]")
    return true
  }

  // MARK: Lists

  private func appendPolls(_ count: Int, to text: inout ByteText) -> Bool {
    let shown = min(count, Self.shownPolls, bytes.count / 8)
    guard shown > 0 else { return false }
    text.append("[")
    for index in 0..<shown {
      if index > 0 { text.append(", ") }
      text.append("{")
      text.append(descriptor: UInt64(bytes.number(UInt32.self, at: index * 8) ?? 0), descriptors)
      text.append(", ")
      ConstantNames.poll.append(UInt64(bytes.number(UInt16.self, at: index * 8 + 4) ?? 0), to: &text)
      text.append("}")
    }
    appendRest(count - shown, to: &text)
    text.append("]")
    return true
  }

  private func appendRest(_ count: Int, to text: inout ByteText) {
    guard count > 0 else { return }
    text.append(", ")
    text.append(decimal: UInt64(count))
    text.append(" more")
  }

  /// How many buffers, and how many bytes they hold together.
  private func appendBuffers(_ count: Int, to text: inout ByteText) -> Bool {
    guard count > 0, bytes.count / 16 >= min(count, Self.countedBuffers) else { return false }
    text.append("[")
    text.append(decimal: UInt64(count))
    text.append(" buffer")
    if count != 1 { text.append("s") }
    let sizes = (0..<min(count, Self.countedBuffers)).map { word(at: $0 * 16 + 8) ?? 0 }
    let total = sizes.reduce((partialValue: UInt64(0), overflow: false)) { sum, size in
      let next = sum.partialValue.addingReportingOverflow(size)
      return (next.partialValue, sum.overflow || next.overflow)
    }
    if count <= Self.countedBuffers, !total.overflow {
      text.append(", ")
      text.append(decimal: total.partialValue)
      text.append(" bytes")
    }
    text.append("]")
    return true
  }

  private func appendSet(_ bits: Int, to text: inout ByteText) -> Bool {
    let limit = min(bits, bytes.count * 8)
    guard limit > 0 else { return false }
    let members = (0..<limit).filter { bytes[$0 / 8] >> ($0 % 8) & 1 != 0 }
    text.append("[")
    for (index, member) in members.prefix(Self.shownDescriptors).enumerated() {
      if index > 0 { text.append(", ") }
      text.append(descriptor: UInt64(member), descriptors)
    }
    appendRest(members.count - Self.shownDescriptors, to: &text)
    text.append("]")
    return true
  }

  private func appendEvent(to text: inout ByteText) -> Bool {
    #if arch(x86_64)
      let dataOffset = 4  // Packed there alone.
    #else
      let dataOffset = 8
    #endif
    guard let events = bytes.number(UInt32.self, at: 0), let data = word(at: dataOffset) else { return false }
    text.append("{")
    ConstantNames.epoll.append(UInt64(events), to: &text)
    text.append(", data ")
    text.append(bits: data)
    text.append("}")
    return true
  }

  /// `[SIGINT, SIGTERM]`, or `~[SIGKILL]` for all but a few.
  private func appendSignals(to text: inout ByteText) -> Bool {
    guard var set = word(at: 0) else { return false }
    if set.nonzeroBitCount > 32 {
      text.append("~")
      set = ~set
    }
    text.append("[")
    var isFirst = true
    for bit in UInt64(0)..<64 where set >> bit & 1 != 0 {
      if !isFirst { text.append(", ") }
      isFirst = false
      ConstantNames.signals.append(bit + 1, to: &text)
    }
    text.append("]")
    return true
  }

  // MARK: Others

  /// A message to be sent or received: where to, how many buffers, how long its control data.
  private func appendHeader(to text: inout ByteText) -> Bool {
    guard let name = word(at: 0), let count = word(at: 24), let control = word(at: 40) else { return false }
    text.append("{")
    if name != 0 {
      text.append("address ")
      text.append(pointer: name)
      text.append(", ")
    }
    text.append(decimal: count)
    text.append(" buffer")
    if count != 1 { text.append("s") }
    if control > 0 {
      text.append(", control ")
      text.append(decimal: control)
      text.append(" bytes")
    }
    text.append("}")
    return true
  }

  /// What `openat2` is told.
  private func appendHow(to text: inout ByteText) -> Bool {
    guard let flags = word(at: 0), let mode = word(at: 8), let resolve = word(at: 16) else { return false }
    text.append("{")
    ConstantNames.open.append(flags, to: &text)
    if mode != 0 {
      text.append(", ")
      text.append(mode: mode)
    }
    if resolve != 0, let names = ConstantNames.files["resolve"] {
      text.append(", ")
      names.append(resolve, to: &text)
    }
    text.append("}")
    return true
  }
}

extension Array<UInt8> {
  /// A number of this machine's byte order; nil where bytes are missing.
  func number<Number: FixedWidthInteger & UnsignedInteger>(_ type: Number.Type, at offset: Int) -> Number? {
    let size = MemoryLayout<Number>.size
    guard offset >= 0, offset <= count - size else { return nil }
    // Both architectures are little-endian.
    return self[offset..<offset + size].reversed().reduce(0) { $0 << 8 | Number($1) }
  }
}
