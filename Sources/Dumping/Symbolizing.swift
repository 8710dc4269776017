// Finishes the text of an in-process dump: places in modules become symbols, source lines and inlined
// functions, by the files that the text's own list of modules names. Line by line; whatever else a log
// holds passes as it is.
internal import ELFNotes
internal import Symbols
internal import Texts

/// Turns the places in a text, such as ` 0x5563 [server+0x12]`, into symbols.
public struct DumpSymbolizing {
  private var modules: [UInt64: ListedModule] = [:]
  /// Files that are open for their symbols, by the module's base.
  private var opened: [UInt64: OpenedModule] = [:]
  /// The line before began a stack.
  private var isFirstFrame = false

  /// A text that lists more, or that needs more files at a time, has others forgotten.
  private static let mostModules = 4096
  private static let mostOpened = 128

  private let notice: (String) -> Void

  /// `notice` is told what takes long, such as fetching a file, and what was refused, a sentence each.
  public init(notice: @escaping (String) -> Void = { _ in }) { self.notice = notice }

  /// What a line without its line feed becomes: usually one line, with functions inlined more.
  public mutating func finish(_ line: ArraySlice<UInt8>) -> [UInt8] {
    defer { isFirstFrame = line.ends(with: " <FIBRIL>") }
    if let module = ListedModule(line) { return list(module, line) }
    if let place = ListedFrame(line), let text = symbols(of: place, line) { return text }
    if let name = ListedName(line), let text = symbol(of: name, line) { return text }
    return line + [UInt8(ascii: "\n")]
  }

  // MARK: Modules

  private mutating func list(_ module: ListedModule, _ line: ArraySlice<UInt8>) -> [UInt8] {
    if modules.count >= Self.mostModules { modules.removeAll() }
    var module = module
    var text = ByteText()
    if let problem = module.find() {
      text.append(" (no symbols: ")
      text.append(foreign: problem)
      text.append(")")
    }
    // Another process may have had other files here.
    if modules[module.addresses.lowerBound] != module { opened[module.addresses.lowerBound] = nil }
    modules[module.addresses.lowerBound] = module
    return line + text.bytes + [UInt8(ascii: "\n")]
  }

  private mutating func open(base: UInt64) -> OpenedModule? {
    if let known = opened[base] { return known }
    guard let module = modules[base], let file = module.file else { return nil }
    if opened.count >= Self.mostOpened { opened.removeAll() }
    let new = OpenedModule(module, file, notice)
    opened[base] = new
    return new
  }

  // MARK: Places

  private mutating func symbols(of place: ListedFrame, _ line: ArraySlice<UInt8>) -> [UInt8]? {
    guard let module = open(base: place.pc &- place.offset), module.addresses.contains(place.pc) else { return nil }
    // The first frame of a fibril that has not run yet is the beginning of a function, and no return address.
    let isBeginning = isFirstFrame && module.symbolizer.symbol(at: place.pc)?.address == place.pc
    let frame = Frame(pc: place.pc, isExact: place.isExact || isBeginning, isGuess: place.isGuess)
    guard module.symbolizer.symbol(at: frame.place) != nil else { return nil }
    let lines = module.text.text(of: Backtrace(frames: [frame], end: .bottom)).bytes
    let prefix = line[..<place.start]
    return Array(lines.split(separator: UInt8(ascii: "\n")).map { prefix + $0 }.joined(separator: [UInt8(ascii: "\n")]))
      + (place.isExact ? Array(ListedFrame.interrupted.utf8) : []) + [UInt8(ascii: "\n")]
  }

  private mutating func symbol(of name: ListedName, _ line: ArraySlice<UInt8>) -> [UInt8]? {
    // Several builds of that name may be listed: nobody knows which one is meant.
    let named = modules.values.filter { $0.name == name.module }
    guard let listed = named.first, named.allSatisfy({ $0.buildID == listed.buildID }),
      let module = open(base: listed.addresses.lowerBound),
      let symbol = module.symbolizer.symbol(at: listed.addresses.lowerBound &+ name.offset)
    else { return nil }
    var text = ByteText()
    text.append("fibril:")
    text.append(foreign: symbol.name)
    text.pad(from: 0, to: 23)
    return line[..<name.start] + text.bytes + line[name.end...] + [UInt8(ascii: "\n")]
  }
}

/// A module whose file is open for its symbols.
private struct OpenedModule {
  let symbolizer: Symbolizer
  let text: BacktraceText
  let addresses: Range<UInt64>

  init(_ module: ListedModule, _ file: String, _ notice: @escaping (String) -> Void) {
    addresses = module.addresses
    symbolizer = Symbolizer(
      modules: [
        SymbolModule(name: module.path, source: .file(file), base: addresses.lowerBound, addresses: addresses)
      ], notice: notice)
    text = BacktraceText(symbolizer)
  }
}

extension ListedModule {
  /// Looks for the file with this build id. Returns why there is none.
  fileprivate mutating func find() -> String? {
    guard path.hasPrefix("/") else { return "it is no file" }
    guard let buildID else { return "the process had no build id of it, by which its file could be told from another" }
    let digits = buildID.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }
    let debugFile = "/usr/lib/debug/.build-id/\(digits.first ?? "")/\(digits.dropFirst().joined()).debug"
    for candidate in [path, debugFile] where (try? ELFNotes.buildID(inFile: candidate)) == buildID {
      file = candidate
      return nil
    }
    do throws(ELFError) {
      let other = try ELFNotes.buildID(inFile: path)
      return "\(path) is another build, \(other.map(hexadecimal) ?? "without an id"); bring the one of this build there"
    } catch {
      return error.description
    }
  }

  private func hexadecimal(_ id: [UInt8]) -> String {
    id.prefix(20).map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
  }
}
