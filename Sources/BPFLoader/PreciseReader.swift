// What the ring's entries hold, made ready for a sink: runs of records, names with their indices, and
// which stacks were mentioned for the first time.
internal import CFibrilContract
internal import TraceEvents

/// Takes entries a limited number at a time. Nothing is allocated for an entry once its buffers have grown.
final class PreciseReader {
  /// Successive records of one task.
  struct Run {
    var task: UInt64
    /// Number of the first record.
    var first: UInt64
    /// Where they lie in `bytes`.
    var bytes: Range<Int>
    /// One past the number of the last.
    var end: UInt64 { first &+ UInt64(bytes.count / recordBytes) }
  }

  private(set) var runs: [Run] = []
  private(set) var bytes: [UInt8] = []
  /// Names that have no index told yet; the first of them has `firstNewName`.
  private(set) var newNames: [String] = [""]
  private(set) var firstNewName = 0
  /// Ids that were not told yet.
  private(set) var newStacks: [UInt32] = []
  private(set) var missedNames: UInt64 = 0
  /// The process and its image that the entries come from; what the next one does is not part of the trace.
  private(set) var process: UInt64?
  /// The process has executed another program, whose events are left out.
  private(set) var imageHasChanged = false
  private var names: [NameText: UInt32] = [:]
  private var seenStacks: Set<UInt32> = []

  /// A name as it comes: bytes behind its end are 0.
  private typealias NameText = SIMD64<UInt8>

  /// The reader pauses when this many bytes of records wait, so that they are delivered before more come.
  private static let enoughBytes = 1 << 18
  private static let recordBytes = MemoryLayout<fibril_record>.size
  private static let headBytes = MemoryLayout<fibril_precise>.size

  init() {
    bytes.reserveCapacity(Self.enoughBytes + 1 << 12)
    runs.reserveCapacity(1 << 12)
  }

  /// Takes one entry of the ring; false when enough wait.
  func take(_ entry: RawSpan) -> Bool {
    guard entry.byteCount >= Self.headBytes else { return true }
    // The BPF program wrote the entry, and any bytes make a head.
    let head = unsafe entry.unsafeLoadUnaligned(as: fibril_precise.self)
    let end = Self.headBytes + Int(head.records) * Self.recordBytes
    guard end <= entry.byteCount, head.records > 0 else { return true }
    guard head.process == process ?? head.process else {
      imageHasChanged = true
      return true
    }
    process = head.process
    if head.name_bytes < 0 { missedNames += 1 }
    let name = head.name_bytes > 1 ? index(ofName: entry, at: Self.twoRecordsEnd, Int(head.name_bytes) - 1) : 0
    let start = bytes.count
    for position in 0..<Int(head.records) {
      let at = Self.headBytes + position * Self.recordBytes
      var record = unsafe entry.unsafeLoadUnaligned(fromByteOffset: at, as: fibril_record.self)
      if UInt32(record.kind) == FIBRIL_RECORD_SUBMIT_ENTRY.rawValue { record.arg32 = name }
      if UInt32(record.kind) == FIBRIL_RECORD_STACK.rawValue, seenStacks.insert(record.arg32).inserted {
        newStacks.append(record.arg32)
      }
      unsafe withUnsafeBytes(of: record) { unsafe bytes.append(contentsOf: $0) }
    }
    if let last = runs.last, last.task == head.task, last.end == head.first {
      runs[runs.count - 1].bytes = last.bytes.lowerBound..<bytes.count
    } else {
      runs.append(Run(task: head.task, first: head.first, bytes: start..<bytes.count))
    }
    return bytes.count < Self.enoughBytes
  }

  /// The index of a name that comes from elsewhere; 0 if there are too many.
  func index(of name: String) -> UInt32 {
    var text = NameText()
    for (position, byte) in name.utf8.prefix(NameText.scalarCount - 1).enumerated() { text[position] = byte }
    return index(of: text)
  }

  /// All records and stacks that wait have been delivered.
  func clear() {
    runs.removeAll(keepingCapacity: true)
    bytes.removeAll(keepingCapacity: true)
    newStacks.removeAll(keepingCapacity: true)
  }

  func namesAreTold() {
    firstNewName += newNames.count
    newNames.removeAll(keepingCapacity: true)
  }

  private static let twoRecordsEnd = headBytes + 2 * recordBytes

  private func index(ofName entry: RawSpan, at offset: Int, _ length: Int) -> UInt32 {
    var text = NameText()
    for position in 0..<min(length, NameText.scalarCount, entry.byteCount - offset) {
      text[position] = unsafe entry.unsafeLoad(fromByteOffset: offset + position, as: UInt8.self)
    }
    return index(of: text)
  }

  private func index(of text: NameText) -> UInt32 {
    if text == NameText() { return 0 }
    if let index = names[text] { return index }
    let index = UInt32(firstNewName + newNames.count)
    guard index < FIBRIL_MOST_NAMES else { return 0 }
    names[text] = index
    newNames.append(Self.string(text.indices.map { text[$0] }.prefix { $0 != 0 }))
    return index
  }

  /// A long name may have been cut within its last character, which is left out then.
  private static func string(_ bytes: ArraySlice<UInt8>) -> String {
    for cut in 0...min(3, bytes.count) {
      if let string = String(validating: bytes.dropLast(cut), as: UTF8.self) { return string }
    }
    return String(decoding: bytes, as: UTF8.self)
  }
}
