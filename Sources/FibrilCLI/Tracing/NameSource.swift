// The names of a traced process's fibrils, kept beyond its end.
internal import BPFLoader
internal import Inspection

/// A copy of a process's name table.
final class NameSource {
  private let processID: Int32
  private var inspector: ProcessInspector?
  private var names: [String] = []

  init(processID: Int32) {
    self.processID = processID
  }

  /// The name at an index of the table; nil if it was never read.
  func name(_ index: UInt32) -> String? {
    Int(index) < names.count ? names[Int(index)] : nil
  }

  /// Reads what has been added: from beside the event buffers, which outlive the process, or else
  /// from its memory while it is there.
  func refresh(from session: TraceSession) {
    if let added = session.names(from: names.count) {
      names += added
    } else {
      if inspector == nil { inspector = try? ProcessInspector(processID: processID) }
      if let inspector { names += inspector.names(from: names.count) }
    }
  }
}
