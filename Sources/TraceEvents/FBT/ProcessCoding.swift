// Processes, what is mapped into them, and their ends, as payloads of chunks.

extension RecordedProcess {
  func encode(into encoder: inout ByteEncoder) {
    encoder.put(varint: index)
    encoder.put(UInt32(bitPattern: processID))
    encoder.put(UInt32(bitPattern: parentID))
    encoder.put(origin.rawValue)
    encoder.put(clock.rawValue)
    encoder.put(begin)
    encoder.put(text: command.cut)
    encoder.put(text: executable.cut)
  }

  init(decoding decoder: inout ByteDecoder) throws(DamageError) {
    let index: Int = try decoder.integer()
    let processID = Int32(bitPattern: try decoder.take())
    let parentID = Int32(bitPattern: try decoder.take())
    guard let origin = Origin(rawValue: try decoder.take()) else { throw DamageError("a process's origin is unknown") }
    guard let clock = TickClock.Source(rawValue: try decoder.take()) else {
      throw DamageError("a process's clock is unknown")
    }
    let begin: UInt64 = try decoder.take()
    self.init(
      index: index, processID: processID, parentID: parentID, command: try decoder.text(),
      executable: try decoder.text(), origin: origin, clock: clock, begin: begin)
  }
}

extension RecordedModule {
  func encode(into encoder: inout ByteEncoder) {
    encoder.put(addresses.lowerBound)
    encoder.put(addresses.upperBound)
    encoder.put(varint: fileOffset)
    encoder.put(text: path.cut)
    encoder.put(block: Array(buildID.prefix(64)))
  }

  init(decoding decoder: inout ByteDecoder) throws(DamageError) {
    let (lower, upper): (UInt64, UInt64) = (try decoder.take(), try decoder.take())
    guard lower <= upper else { throw DamageError("a mapping ends before it begins") }
    self.init(
      addresses: lower..<upper, fileOffset: try decoder.varint(), path: try decoder.text(),
      buildID: try decoder.block(most: 64))
  }
}

extension ProcessEnding {
  func encode(into encoder: inout ByteEncoder) {
    let (kind, status): (UInt8, Int32) =
      switch self {
      case .traceEnded: (0, 0)
      case .exited(nil): (1, 0)
      case .exited(let status?): (2, status)
      case .executed: (3, 0)
      }
    encoder.put(kind)
    encoder.put(UInt32(bitPattern: status))
  }

  init(decoding decoder: inout ByteDecoder) throws(DamageError) {
    let kind: UInt8 = try decoder.take()
    let status = Int32(bitPattern: try decoder.take())
    switch kind {
    case 0: self = .traceEnded
    case 1: self = .exited(status: nil)
    case 2: self = .exited(status: status)
    case 3: self = .executed
    default: throw DamageError("a process's ending is unknown")
    }
  }
}

extension String {
  /// As much of it as a reader takes, 4096 bytes of UTF-8.
  var cut: String { utf8.count <= 4096 ? self : String(decoding: utf8.prefix(4096 - 3), as: UTF8.self) }
}
