// The rows of a CSV file, one for each event.

import TraceEvents

struct CSVRows {
  var writer: ByteWriter
  var processes: [Int: (processID: Int32, texts: ProcessTexts)] = [:]

  private static let pieceSize = 1 << 18

  init(write: @escaping ([UInt8]) throws -> Void) {
    writer = ByteWriter(pieceSize: Self.pieceSize, write: write)
    writer.append(Array(CSVExporter.header.utf8))
  }

  /// The columns that not every event fills; nil is an empty field.
  private struct Fields {
    var event: StaticString
    var fibril: UInt64?
    var otherFibril: UInt64?
    var otherTask: UInt64?
    var detail: [UInt8] = []
    var value: Int64?
    var address: UInt64?
    var deadline: UInt64?
    /// 0: none.
    var stack: UInt32 = 0

    init(_ event: StaticString, _ fibril: UInt64? = nil) {
      self.event = event
      self.fibril = fibril
    }
  }

  mutating func write(_ ordered: OrderedEvent) {
    let event = ordered.event
    let process = processes[ordered.process]
    let fields = fields(of: event.body, process?.texts)
    writer.append(decimal: ordered.time)
    field(UInt64(ordered.process))
    writer.append(",")
    writer.append(decimal: Int64(process?.processID ?? 0))
    field(event.task)
    field(event.number)
    writer.append(",")
    writer.append(fields.event)
    field(fields.fibril)
    field(fields.otherFibril)
    field(fields.otherTask)
    writer.append(",")
    writer.append(fields.detail)
    if let value = fields.value {
      writer.append(",")
      writer.append(decimal: value)
    } else {
      field(fields.address)
    }
    field(fields.deadline)
    field(event.time == ordered.time ? nil : event.time)
    writer.append(",")
    if fields.stack != 0, let stack = process?.texts.stack(fields.stack) {
      writer.append(Self.quote(stack.joined(separator: ";")))
    }
    writer.append("\n")
    writer.flushIfLarge()
  }

  private mutating func field(_ value: UInt64?) {
    writer.append(",")
    if let value { writer.append(decimal: value) }
  }

  private func fields(of body: Event.Body, _ texts: ProcessTexts?) -> Fields {
    switch body {
    case .taskStart(let root, let threadID):
      var fields = Fields("task_start", root)
      fields.value = Int64(threadID)
      return fields
    case .taskStop(let root): return Fields("task_stop", root)
    case .submitCall(let fibril, let parent, let call):
      var fields = Fields("submit_call", fibril)
      fields.otherFibril = parent
      fields.detail = Self.call(call)
      return fields
    case .submitClosure(let fibril, let parent, let entry, let name):
      var fields = Fields("submit_closure", fibril)
      fields.otherFibril = parent
      fields.detail = name == 0 ? [] : Self.quote(texts?.name(name) ?? "")
      fields.address = entry
      return fields
    case .switch(let previous, let next, let state):
      var fields = Fields("switch", next)
      fields.otherFibril = previous
      fields.detail = Self.state(state)
      return fields
    case .block(let fibril, let reason, let stack, let object, let deadline):
      var fields = Fields("block", fibril)
      fields.detail = Self.reason(reason)
      fields.address = object
      fields.deadline = deadline == 0 ? nil : deadline
      fields.stack = stack
      return fields
    case .wake(let fibril, let byTask, let byFibril):
      var fields = Fields("wake", fibril)
      fields.otherFibril = byFibril
      fields.otherTask = UInt64(byTask)
      return fields
    case .teardown(let fibril, let result):
      var fields = Fields("teardown", fibril)
      fields.value = result
      if result < 0, let name = ErrorNames.name(of: -max(result, -4096)) { fields.detail = Array("-\(name)".utf8) }
      return fields
    case .lost(let records):
      var fields = Fields("lost")
      fields.address = records
      return fields
    }
  }

  // MARK: Text

  private static func call(_ number: UInt32) -> [UInt8] {
    Array((SystemCallNames.name(of: number) ?? "\(number)").utf8)
  }

  private static func state(_ state: FibrilState) -> [UInt8] {
    let name =
      switch state {
      case .none: ""
      case .runnable: "runnable"
      case .running: "running"
      case .blocked: "blocked"
      case .dead: "dead"
      default: "\(state.rawValue)"
      }
    return Array(name.utf8)
  }

  private static func reason(_ reason: BlockReason) -> [UInt8] {
    Array((BlockReasonNames.name(of: reason) ?? "\(reason.rawValue)").utf8)
  }

  /// A name as a field. It comes from another program: controls are replaced, so that a row is a line.
  static func quote(_ text: String) -> [UInt8] {
    let isPlain = text.utf8.allSatisfy {
      $0 >= 0x20 && $0 != UInt8(ascii: "\"") && $0 != UInt8(ascii: ",") && $0 < 0x7F
    }
    if isPlain { return Array(text.utf8) }
    var result = [UInt8(ascii: "\"")]
    for scalar in text.unicodeScalars {
      switch scalar.value {
      case 0..<0x20, 0x7F..<0xA0: result += "\u{FFFD}".utf8
      case 0x22: result += "\"\"".utf8
      default: result += UTF8.encode(scalar)!
      }
    }
    return result + [UInt8(ascii: "\"")]
  }
}
