// The backtraces of a JSON dump: each stands there once, and fibrils give its number.
internal import Symbols
internal import Texts

/// The backtraces that the fibrils of one document have, numbered as they come.
struct JSONBacktraces {
  private let dump: ProcessDump
  private let isVerbose: Bool
  private var numbers: [Backtrace: Int] = [:]
  private var parkedNumbers: [Int?]
  private var frames: [Frame: ByteText] = [:]
  private(set) var used: [Backtrace] = []

  init(_ dump: ProcessDump, verbose: Bool) {
    self.dump = dump
    isVerbose = verbose
    parkedNumbers = Array(repeating: nil, count: dump.backtraces.count)
  }

  /// nil: there is none.
  mutating func number(of stack: StackView?) -> Int? {
    switch stack {
    case .parked(let index):
      let number = parkedNumbers[index] ?? self.number(of: dump.backtraces[index])
      parkedNumbers[index] = number
      return number
    case .onCPU(let backtrace), .inCall(_, let backtrace), .inKernel(_, let backtrace): return number(of: backtrace)
    case .hidden, nil: return nil
    }
  }

  private mutating func number(of backtrace: Backtrace) -> Int {
    if let number = numbers[backtrace] { return number }
    numbers[backtrace] = used.count
    used.append(backtrace)
    return used.count - 1
  }

  mutating func append(_ backtrace: Backtrace, to json: inout JSONText) {
    json.open("{")
    json.key("frames")
    json.open("[")
    for frame in backtrace.frames {
      json.newLine()
      json.raw(text(of: frame))
    }
    json.close("]")
    json.key("end")
    if let note = backtrace.end.note { json.string(note) } else { json.null() }
    json.close("}")
  }

  /// A frame, and before it those that were inlined into it.
  private mutating func text(of frame: Frame) -> ByteText {
    if let known = frames[frame] { return known }
    let symbol = dump.symbolizer.symbol(at: frame.place)
    let place = dump.symbolizer.place(at: frame.place)
    var json = JSONText()
    for call in place?.inlined ?? [] {
      append(frame, isVerbose ? call.fullName : call.name, symbol: nil, call.line, isInlined: true, to: &json)
      json.newLine()
    }
    let name = symbol.map { isVerbose ? $0.fullName : $0.name }
    append(frame, name, symbol: symbol, place?.line, isInlined: false, to: &json)
    let text = json.take()
    frames[frame] = text
    return text
  }

  private func append(
    _ frame: Frame, _ name: String?, symbol: Symbol?, _ line: SourceLine?, isInlined: Bool, to json: inout JSONText
  ) {
    let module = dump.symbolizer.module(at: frame.place)
    json.open("{")
    json.key("address")
    json.address(frame.pc)
    json.key("symbol")
    if let name { json.string(name) } else { json.null() }
    json.key("offset")
    if let symbol { json.number(frame.pc &- symbol.address) } else { json.null() }
    json.key("module")
    if let module { json.string(module.name) } else { json.null() }
    json.key("module_offset")
    if let module { json.address(module.offset &+ (frame.pc &- frame.place)) } else { json.null() }
    json.key("file")
    if let line { json.string(line.file) } else { json.null() }
    json.key("line")
    if let line { json.number(UInt64(clamping: line.line)) } else { json.null() }
    json.key("inlined")
    json.boolean(isInlined)
    json.key("guess")
    json.boolean(frame.isGuess)
    json.close("}")
  }
}
