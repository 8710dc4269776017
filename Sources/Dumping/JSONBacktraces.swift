// The backtraces of a JSON dump: each stands there once, and fibrils give its number.
internal import Symbols

/// The backtraces that the fibrils of one document have, numbered as they come.
struct JSONBacktraces {
  private let dump: ProcessDump
  private var numbers: [Backtrace: Int] = [:]
  private var parkedNumbers: [Int?]
  private var frames: [Frame: ByteText] = [:]
  private(set) var used: [Backtrace] = []

  init(_ dump: ProcessDump) {
    self.dump = dump
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

  private mutating func text(of frame: Frame) -> ByteText {
    if let known = frames[frame] { return known }
    let symbol = dump.symbolizer.symbol(at: frame.place)
    let module = dump.symbolizer.module(at: frame.place)
    let line = dump.symbolizer.line(at: frame.place)
    var json = JSONText()
    json.open("{")
    json.key("address")
    json.address(frame.pc)
    json.key("symbol")
    if let symbol { json.string(symbol.name) } else { json.null() }
    json.key("offset")
    if let symbol { json.number(frame.pc &- symbol.address) } else { json.null() }
    json.key("module")
    if let module { json.string(module.name) } else { json.null() }
    json.key("module_offset")
    if let module { json.address(module.offset &+ (frame.pc &- frame.place)) } else { json.null() }
    json.key("file")
    if let line { json.string(line.file) } else { json.null() }
    json.key("line")
    if let line { json.number(UInt64(line.line)) } else { json.null() }
    json.key("guess")
    json.boolean(frame.isGuess)
    json.close("}")
    let text = json.take()
    frames[frame] = text
    return text
  }
}
