// What each kind of chunk says, told to a sink.

extension FBTReader {
  /// Tells what a payload says. Bytes behind what is known are of a younger minor version.
  mutating func take(_ kind: FBTChunkKind, _ payload: [UInt8], into sink: inout some RecordingSink) throws {
    var decoder = ByteDecoder(payload)
    switch kind {
    case .header: break
    case .clockPair: try sink.add(ClockPair(ticks: decoder.take(), nanoseconds: decoder.take()))
    case .processBegin:
      let process = try RecordedProcess(decoding: &decoder)
      try contents.begin(process.index)
      try sink.begin(process)
    case .modules: try takeModules(&decoder, into: &sink)
    case .snapshot: try takeSnapshot(&decoder, into: &sink)
    case .names:
      let (process, index): (Int, Int) = (try decoder.integer(), try decoder.integer())
      let count = try decoder.count(most: FBTFormat.mostNames)
      try contents.takeNames(count, from: index, of: process)
      var names: [String] = []
      for _ in 0..<count { names.append(try decoder.text()) }
      try sink.take(names, from: index, of: process)
    case .stacks: try takeStacks(&decoder, into: &sink)
    case .taskBegin:
      let (process, task, number) = try taskAndNumber(&decoder)
      try sink.begin(task: task, at: number, of: process)
    case .records: try takeRecords(payload, into: &sink)
    case .taskEnd:
      let (process, task, number) = try taskAndNumber(&decoder)
      // Lost records are events.
      try contents.takeRecords(of: process)
      try sink.end(task: task, at: number, of: process)
    case .processEnd:
      let (process, time): (Int, UInt64) = (try decoder.integer(), try decoder.take())
      let ending = try ProcessEnding(decoding: &decoder)
      try contents.end(process)
      end = max(end, time)
      try sink.end(process, ending, at: time)
    case .mark:
      let time: UInt64 = try decoder.take()
      end = max(end, time)
      try sink.mark(time)
    case .totals:
      end = try decoder.take()
      _ = try decoder.varint()
      totals = try FBTTotals(decoding: &decoder)
    }
  }

  private func taskAndNumber(_ decoder: inout ByteDecoder) throws(DamageError) -> (Int, UInt64, UInt64) {
    let process: Int = try decoder.integer()
    try contents.check(process)
    return (process, try decoder.varint(), try decoder.varint())
  }

  private mutating func takeRecords(_ payload: [UInt8], into sink: inout some RecordingSink) throws {
    var unpacker = try RecordUnpacker(payload)
    var current = (process: 0, task: UInt64(0))
    while true {
      let more = try unpacker.nextRun { process, task in
        try contents.takeRecords(of: process)
        current = (process, task)
      } _: { records, first in
        try sink.take(records: records, of: current.task, from: first, of: current.process)
      }
      if !more { return }
    }
  }

  private mutating func takeStacks(_ decoder: inout ByteDecoder, into sink: inout some RecordingSink) throws {
    let process: Int = try decoder.integer()
    try contents.check(process)
    for _ in 0..<(try decoder.count(most: FBTFormat.mostPayloadBytes, bytes: 2)) {
      let id: UInt32 = try decoder.integer()
      var stack: [UInt64] = []
      for _ in 0..<(try decoder.count(most: FBTFormat.mostFrames)) {
        let distance = UInt64(bitPattern: Int64(zigzag: try decoder.varint()))
        stack.append((stack.last ?? 0) &+ distance)
      }
      try sink.take(stack: stack, id: id, of: process)
    }
  }

  // MARK: Lists in pieces

  private func piece(_ decoder: inout ByteDecoder) throws(DamageError) -> (process: Int, flags: FBTPieceFlags) {
    let process: Int = try decoder.integer()
    try contents.check(process)
    return (process, FBTPieceFlags(rawValue: try decoder.take()))
  }

  private mutating func takeModules(_ decoder: inout ByteDecoder, into sink: inout some RecordingSink) throws {
    let (process, flags) = try piece(&decoder)
    if flags.contains(.first) { contents.modules = (process, []) }
    guard contents.modules?.process == process else { throw DamageError.pieces }
    for _ in 0..<(try decoder.count(most: FBTFormat.mostModules, bytes: 16)) {
      contents.modules?.modules.append(try RecordedModule(decoding: &decoder))
    }
    guard let list = contents.modules, list.modules.count <= FBTFormat.mostModules else { throw DamageError.pieces }
    guard flags.contains(.last) else { return }
    contents.modules = nil
    try sink.take(list.modules, of: process)
  }

  private mutating func takeSnapshot(_ decoder: inout ByteDecoder, into sink: inout some RecordingSink) throws {
    let (process, flags) = try piece(&decoder)
    if flags.contains(.first) {
      contents.snapshot = (process, try ProcessSnapshot(decodingHead: &decoder))
    }
    guard contents.snapshot?.process == process else { throw DamageError.pieces }
    for _ in 0..<(try decoder.count(most: FBTFormat.mostPayloadBytes, bytes: 16)) {
      switch SnapshotItem(rawValue: try decoder.take()) {
      case .task: contents.snapshot?.snapshot.tasks.append(try TaskSnapshot(decoding: &decoder))
      case .fibril: contents.snapshot?.snapshot.fibrils.append(try FibrilSnapshot(decoding: &decoder))
      case nil: throw DamageError("an item of a snapshot is unknown")
      }
    }
    guard let list = contents.snapshot?.snapshot, list.tasks.count <= FBTFormat.mostTasks,
      list.fibrils.count <= FBTFormat.mostFibrils
    else { throw DamageError.pieces }
    guard flags.contains(.last) else { return }
    contents.snapshot = nil
    try contents.takeSnapshot(of: process)
    try sink.take(list, of: process)
  }
}

extension DamageError {
  fileprivate static let pieces = DamageError("a list's pieces do not fit, or it is too long")
}
