// The tasks and fibrils that were there already, as payloads of chunks.

extension ProcessSnapshot {
  /// What is neither task nor fibril nor name.
  func encodeHead(into encoder: inout ByteEncoder) {
    encoder.put(UInt32(bitPattern: processID))
    encoder.put(ident)
    encoder.put(time)
    encoder.put(text: command.cut)
    encoder.put(text: runtime.cut)
  }

  init(decodingHead decoder: inout ByteDecoder) throws(DamageError) {
    let processID = Int32(bitPattern: try decoder.take())
    let (ident, time): (UInt64, UInt64) = (try decoder.take(), try decoder.take())
    self.init(
      processID: processID, command: try decoder.text(), ident: ident, time: time, runtime: try decoder.text())
  }
}

extension TaskSnapshot {
  func encode(into encoder: inout ByteEncoder) {
    for number in [task, UInt64(threadID), running, root, runnable, nextNumber, helpers, helperQueue] {
      encoder.put(varint: number)
    }
    counts.encode(into: &encoder)
  }

  init(decoding decoder: inout ByteDecoder) throws(DamageError) {
    let task = try decoder.varint()
    let threadID: UInt32 = try decoder.integer()
    let (running, root) = (try decoder.varint(), try decoder.varint())
    let (runnable, nextNumber) = (try decoder.varint(), try decoder.varint())
    let (helpers, helperQueue) = (try decoder.varint(), try decoder.varint())
    self.init(
      task: task, threadID: threadID, running: running, root: root, runnable: runnable, nextNumber: nextNumber,
      counts: try EventCounts(decoding: &decoder))
    self.helpers = helpers
    self.helperQueue = helperQueue
  }
}

extension FibrilSnapshot {
  private struct Flags: OptionSet {
    var rawValue: UInt8
    static let isCall = Flags(rawValue: 1)
    static let isRoot = Flags(rawValue: 2)
    static let onHelper = Flags(rawValue: 4)
    static let changedWhileRead = Flags(rawValue: 8)
    static let hasCall = Flags(rawValue: 16)
  }

  func encode(into encoder: inout ByteEncoder) {
    var flags: Flags = []
    if isCall { flags.insert(.isCall) }
    if isRoot { flags.insert(.isRoot) }
    if onHelper { flags.insert(.onHelper) }
    if changedWhileRead { flags.insert(.changedWhileRead) }
    if call != nil { flags.insert(.hasCall) }
    encoder.put(flags.rawValue)
    encoder.put(state.rawValue)
    for number in [
      fibril, task, UInt64(reason.rawValue), object, since, nextNumber, parent, entry, UInt64(name), UInt64(call ?? 0),
      owner, deadline, stackPointer, stack.lowerBound, stack.upperBound &- stack.lowerBound,
    ] {
      encoder.put(varint: number)
    }
    encoder.put(varint: min(arguments.count, FBTFormat.mostArguments))
    for argument in arguments.prefix(FBTFormat.mostArguments) { encoder.put(varint: argument) }
  }

  init(decoding decoder: inout ByteDecoder) throws(DamageError) {
    let flags = Flags(rawValue: try decoder.take())
    let state = FibrilState(rawValue: try decoder.take())
    let fibril = try decoder.varint()
    self.init(fibril: fibril, task: try decoder.varint(), state: state)
    reason = BlockReason(rawValue: try decoder.integer())
    object = try decoder.varint()
    since = try decoder.varint()
    nextNumber = try decoder.varint()
    parent = try decoder.varint()
    entry = try decoder.varint()
    name = try decoder.integer()
    let call: UInt32 = try decoder.integer()
    self.call = flags.contains(.hasCall) ? call : nil
    owner = try decoder.varint()
    deadline = try decoder.varint()
    stackPointer = try decoder.varint()
    let (lower, count) = (try decoder.varint(), try decoder.varint())
    let (upper, overflow) = lower.addingReportingOverflow(count)
    if overflow { throw DamageError("a stack ends before it begins") }
    stack = lower..<upper
    isCall = flags.contains(.isCall)
    isRoot = flags.contains(.isRoot)
    onHelper = flags.contains(.onHelper)
    changedWhileRead = flags.contains(.changedWhileRead)
    for _ in 0..<(try decoder.count(most: FBTFormat.mostArguments)) { arguments.append(try decoder.varint()) }
  }
}
