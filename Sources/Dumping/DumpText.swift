// The dump as text, in the form of the kernel's sysrq-t: a head, then every chosen fibril.

/// Renders one process's dump in full.
struct DumpText {
  let fibrils: FibrilText

  /// Hands out the head and the chosen fibrils in pieces.
  func write<Failure>(_ chosen: [Int], to writer: inout PieceWriter<Failure>) throws(Failure) {
    DumpHeader(fibrils: fibrils).append(shown: chosen.count, withStacks: true, to: &writer.text)
    for index in chosen {
      fibrils.append(index, to: &writer.text)
      try writer.flushIfLarge()
    }
  }
}
