// Backtraces as text, in the kernel's manner: `symbol+0x12/0x80 [module] at file.swift:42`. A call that was
// inlined has a line of its own before the function it became part of: `symbol (inlined) at file.swift:7`.
internal import Symbols
internal import Texts

/// Renders backtraces; what was rendered once is kept.
final class BacktraceText {
  private let symbolizer: Symbolizer
  private let isVerbose: Bool
  private var lines: [Frame: ByteText] = [:]

  /// `verbose`: names with modules, types and return values instead of the short readable form.
  init(_ symbolizer: Symbolizer, verbose: Bool = false) {
    self.symbolizer = symbolizer
    isVerbose = verbose
  }

  /// All frames, a line each, and why there are no more if the stack is not complete.
  func text(of backtrace: Backtrace) -> ByteText {
    var text = ByteText()
    for frame in backtrace.frames { text.append(lines(of: frame)) }
    if let note = backtrace.end.note {
      text.append(" (")
      text.append(own: note)
      text.append(")\n")
    }
    return text
  }

  /// The name of the function at an address; nil where nothing is known.
  func symbol(at address: UInt64) -> String? { symbolizer.symbol(at: address).map(name) }

  private func name(_ symbol: Symbol) -> String { isVerbose ? symbol.fullName : symbol.name }

  private func lines(of frame: Frame) -> ByteText {
    if let known = lines[frame] { return known }
    let text = rendered(frame)
    lines[frame] = text
    return text
  }

  private func rendered(_ frame: Frame) -> ByteText {
    var text = ByteText()
    let place = symbolizer.place(at: frame.place)
    for call in place?.inlined ?? [] {
      text.append(frame.isGuess ? " ? " : " ")
      text.append(foreign: isVerbose ? call.fullName : call.name)
      text.append(" (inlined)")
      append(call.line, to: &text)
    }
    text.append(frame.isGuess ? " ? " : " ")
    let symbol = symbolizer.symbol(at: frame.place)
    if let symbol {
      text.append(foreign: name(symbol))
      text.append("+")
      text.append(hexadecimal: frame.pc &- symbol.address)
      text.append("/")
      text.append(hexadecimal: symbol.size)
    } else {
      text.append(hexadecimal: frame.pc)
    }
    appendModule(of: frame, isNamed: symbol != nil, to: &text)
    append(place?.line, to: &text)
    return text
  }

  private func appendModule(of frame: Frame, isNamed: Bool, to text: inout ByteText) {
    guard let module = symbolizer.module(at: frame.place) else { return text.append(" [unknown code]") }
    text.append(" [")
    text.append(foreign: module.name)
    if !isNamed {
      text.append("+")
      text.append(hexadecimal: module.offset &+ (frame.pc &- frame.place))
    }
    text.append("]")
  }

  private func append(_ line: SourceLine?, to text: inout ByteText) {
    if let line {
      text.append(" at ")
      text.append(foreign: line.file)
      text.append(":")
      text.append(decimal: UInt64(clamping: line.line))
    }
    text.append("\n")
  }
}
