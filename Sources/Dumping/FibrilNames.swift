// What fibrils are called in a dump, and which of them an id means.
internal import TraceEvents
internal import Texts

/// The names of one dump's fibrils.
final class FibrilNames {
  private let dump: ProcessDump
  private let traces: BacktraceText
  /// Most dumps ask for none.
  private lazy var indices = Dictionary(
    dump.fibrils.indices.map { (dump.fibrils[$0].snapshot.fibril, $0) }, uniquingKeysWith: { first, _ in first })

  init(_ dump: ProcessDump, _ traces: BacktraceText) {
    self.dump = dump
    self.traces = traces
  }

  /// The fibril's own name, the call it is, or its first function.
  func name(of fibril: FibrilSnapshot) -> String {
    let name = ownName(of: fibril)
    if !name.isEmpty { return name }
    if fibril.isCall, let call = fibril.call { return SystemCallNames.name(of: call) ?? "call \(call)" }
    if fibril.isRoot { return "root" }
    return (fibril.entry == 0 ? nil : traces.symbol(at: fibril.entry)) ?? "-"
  }

  /// Empty if nobody gave it one.
  func ownName(of fibril: FibrilSnapshot) -> String {
    dump.process.names.indices.contains(Int(fibril.name)) ? dump.process.names[Int(fibril.name)] : ""
  }

  /// nil: the table has no such fibril.
  func fibril(_ id: UInt64) -> DumpedFibril? { indices[id].map { dump.fibrils[$0] } }

  /// `fibril 17 "writer"`
  func append(_ id: UInt64, to text: inout ByteText) {
    text.append("fibril ")
    text.append(decimal: id)
    guard let fibril = fibril(id) else { return }
    text.append(" \"")
    text.append(foreign: name(of: fibril.snapshot))
    text.append("\"")
  }
}
