// Backtraces as text, in the kernel's manner: `symbol+0x12/0x80 [module] at file.swift:42`.
internal import Symbols

/// Renders backtraces; what was rendered once is kept.
final class BacktraceText {
  private let symbolizer: Symbolizer
  private var lines: [Frame: ByteText] = [:]

  init(_ symbolizer: Symbolizer) { self.symbolizer = symbolizer }

  /// All frames, a line each, and why there are no more if the stack is not complete.
  func text(of backtrace: Backtrace) -> ByteText {
    var text = ByteText()
    for frame in backtrace.frames { text.append(line(of: frame)) }
    if let note = backtrace.end.note {
      text.append(" (")
      text.append(own: note)
      text.append(")\n")
    }
    return text
  }

  /// A function's name and the module it lies in; the address alone where nothing is known.
  func symbol(at address: UInt64) -> String? { symbolizer.symbol(at: address)?.name }

  private func line(of frame: Frame) -> ByteText {
    if let known = lines[frame] { return known }
    let line = rendered(frame)
    lines[frame] = line
    return line
  }

  private func rendered(_ frame: Frame) -> ByteText {
    var text = ByteText()
    text.append(frame.isGuess ? " ? " : " ")
    let module = symbolizer.module(at: frame.place)
    if let symbol = symbolizer.symbol(at: frame.place) {
      text.append(foreign: symbol.name)
      text.append("+")
      text.append(hexadecimal: frame.pc &- symbol.address)
      text.append("/")
      text.append(hexadecimal: symbol.size)
    } else {
      text.append(hexadecimal: frame.pc)
    }
    if let module {
      text.append(" [")
      text.append(foreign: module.name)
      if symbolizer.symbol(at: frame.place) == nil {
        text.append("+")
        text.append(hexadecimal: module.offset &+ (frame.pc &- frame.place))
      }
      text.append("]")
    }
    if let line = symbolizer.line(at: frame.place) {
      text.append(" at ")
      text.append(foreign: line.file)
      text.append(":")
      text.append(decimal: UInt64(line.line))
    }
    text.append("\n")
    return text
  }
}
