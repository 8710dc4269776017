// The names of a traced process's fibrils, kept beyond its end.

/// A copy of a process's name table.
final class NameSource {
  private var names: [String] = []

  /// The name at an index of the table; nil if it was never read.
  func name(_ index: UInt32) -> String? {
    Int(index) < names.count ? names[Int(index)] : nil
  }

  func add(_ added: [String]) { names += added }
}
