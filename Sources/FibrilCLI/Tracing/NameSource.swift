// The names of a traced process's fibrils, kept beyond its end.
internal import Inspection

/// A copy of the name table of a live process.
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

  /// Reads what has been added. A process that has no table yet, or is gone, adds nothing.
  func refresh() {
    if inspector == nil { inspector = try? ProcessInspector(processID: processID) }
    if let inspector { names += inspector.names(from: names.count) }
  }
}
