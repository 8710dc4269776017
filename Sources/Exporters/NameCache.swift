// The names of fibrils and calls as JSON text, each made once.

import Timeline
import TraceEvents

struct NameCache {
  private let source: (UInt32) -> String?
  private var fibrils: [UInt32: [UInt8]] = [:]
  private var calls: [UInt32: [UInt8]] = [:]

  /// So many names are kept: the process says how many there are.
  private static let limit = 65_536

  init(source: @escaping (UInt32) -> String?) {
    self.source = source
  }

  /// What the fibril is called, without its number.
  mutating func name(of label: FibrilLabel) -> [UInt8] {
    if label.name == 0 { return label.kind == .root ? Self.root : Self.fibril }
    if let name = fibrils[label.name] { return name }
    guard let text = source(label.name), !text.isEmpty else { return Self.fibril }
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

  private static let root = Array("root".utf8)
  private static let fibril = Array("fibril".utf8)
}
