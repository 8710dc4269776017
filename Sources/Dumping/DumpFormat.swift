// The forms in which a dump can be shown, switched between in this one place.

/// How a dump is shown.
public enum DumpFormat: Sendable {
  /// A line and a call trace for each fibril.
  case text
  /// The same with equal ones merged.
  case compact
  /// Only how many there are, by task, state and reason.
  case counts
  case json
}

extension ProcessDump {
  /// Writes the chosen fibrils in pieces. `verbose`: functions with modules, types and return values.
  public func write<Failure>(
    _ format: DumpFormat, _ selection: Selection = Selection(), verbose: Bool = false,
    to put: @escaping ([UInt8]) throws(Failure) -> Void
  ) throws(Failure) {
    let fibrils = FibrilText(self, verbose: verbose)
    let chosen = selection.choose(from: self, fibrils.names)
    var writer = PieceWriter(put)
    switch format {
    case .text: try DumpText(fibrils: fibrils).write(chosen, to: &writer)
    case .compact: CompactText(fibrils: fibrils).append(chosen, selection.order, to: &writer.text)
    case .counts: CountText(fibrils: fibrils).append(chosen, to: &writer.text)
    case .json: try DumpJSON(fibrils: fibrils).write(chosen, to: &writer)
    }
    try writer.flush()
  }
}
