// What the frames of recorded stacks are called, by the files that were mapped, as far as they are here and the same.
internal import ELFNotes
internal import Replay
internal import Symbols
internal import TraceEvents

/// Names the functions on recorded stacks.
final class FrameNames {
  private var modules: [RecordedModule] = []
  private var symbolizer: Symbolizer?

  /// `function+0x12/0x80 [module]`, or the place in the module's file.
  func text(_ pc: UInt64, isExact: Bool, of modules: [RecordedModule]) -> String {
    if symbolizer == nil || modules != self.modules {
      self.modules = modules
      symbolizer = Symbolizer(modules: Self.files(modules))
    }
    let place = isExact ? pc : pc &- 1
    guard let symbol = symbolizer?.symbol(at: place) else { return placeInFile(pc, isExact: isExact, modules: modules) }
    let module = symbolizer?.module(at: place).map { " [\($0.name)]" } ?? ""
    let (offset, size) = (String(pc &- symbol.address, radix: 16), String(symbol.size, radix: 16))
    return "\(symbol.name)+0x\(offset)/0x\(size)\(module)"
  }

  /// The files that are what was mapped: by the build id, without which nobody can tell.
  private static func files(_ modules: [RecordedModule]) -> [SymbolModule] {
    var spans: [String: (base: UInt64, end: UInt64, buildID: [UInt8])] = [:]
    for module in modules where module.path.hasPrefix("/") && !module.buildID.isEmpty {
      let base = module.addresses.lowerBound &- module.fileOffset
      let old = spans[module.path]
      spans[module.path] = (
        min(old?.base ?? base, base), max(old?.end ?? 0, module.addresses.upperBound), module.buildID
      )
    }
    return spans.compactMap { path, span in
      guard span.base < span.end, (try? ELFNotes.buildID(inFile: path)) == span.buildID else { return nil }
      return SymbolModule(name: path, source: .file(path), base: span.base, addresses: span.base..<span.end)
    }
  }
}
