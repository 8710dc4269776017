// The names of fibrils and calls, and stacks, as JSON text, each made once.

import Timeline
import TraceEvents

struct NameCache {
  private let texts: ProcessTexts
  private var fibrils: [UInt32: [UInt8]] = [:]
  private var calls: [UInt32: [UInt8]] = [:]
  private var stacks: [UInt32: [UInt8]] = [:]

  /// So many names are kept: the process says how many there are.
  private static let limit = 65_536

  init(_ texts: ProcessTexts) {
    self.texts = texts
  }

  /// What the fibril is called, without its number.
  mutating func name(of label: FibrilLabel) -> [UInt8] {
    if label.name == 0 { return label.kind == .root ? Self.root : Self.fibril }
    if let name = fibrils[label.name] { return name }
    guard let text = texts.name(label.name), !text.isEmpty else { return Self.fibril }
    let name = JSONText.escape(text)
    if fibrils.count >= Self.limit { fibrils = [:] }
    fibrils[label.name] = name
    return name
  }

  /// What the system call is called.
  mutating func name(ofCall number: UInt32) -> [UInt8] {
    if let name = calls[number] { return name }
    let name = Array((SystemCallNames.name(of: number) ?? "system call \(number)").utf8)
    if calls.count >= Self.limit { calls = [:] }
    calls[number] = name
    return name
  }

  /// A user stack as an array of strings; nil if it is not known.
  mutating func stack(_ id: UInt32) -> [UInt8]? {
    if let stack = stacks[id] { return stack }
    guard let frames = texts.stack(id) else { return nil }
    var stack: [UInt8] = []
    for frame in frames {
      stack += (stack.isEmpty ? "[\"" : ",\"").utf8
      stack += JSONText.escape(frame) + "\"".utf8
    }
    stack += (stack.isEmpty ? "[]" : "]").utf8
    if stacks.count >= Self.limit { stacks = [:] }
    stacks[id] = stack
    return stack
  }

  private static let root = Array("root".utf8)
  private static let fibril = Array("fibril".utf8)
}
