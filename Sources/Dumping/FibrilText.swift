// One fibril as text, in the form of the kernel's sysrq-t: a line, then its call trace.
internal import Inspection
internal import Symbols
internal import TraceEvents
internal import Texts

/// Renders single fibrils of one dump. The text of a backtrace is made once.
final class FibrilText {
  let dump: ProcessDump
  let names: FibrilNames
  let isVerbose: Bool
  private let traces: BacktraceText
  private let waits: WaitText
  private let threads: [UInt64: UInt32]
  private var rendered: [ByteText?]

  /// `verbose`: functions with modules, types and return values.
  init(_ dump: ProcessDump, verbose: Bool = false) {
    self.dump = dump
    isVerbose = verbose
    let traces = BacktraceText(dump.symbolizer, verbose: verbose)
    let names = FibrilNames(dump, traces)
    self.traces = traces
    self.names = names
    threads = Dictionary(dump.process.tasks.map { ($0.task, $0.threadID) }) { first, _ in first }
    rendered = Array(repeating: nil, count: dump.backtraces.count)
    waits = WaitText(dump) { id in
      names.fibril(id).map { names.ownName(of: $0.snapshot) } ?? ""
    }
  }

  /// 0: nobody knows it.
  func threadID(ofTask task: UInt64) -> UInt32 { threads[task] ?? 0 }

  /// Line and call trace of the fibril with this index in the dump.
  func append(_ index: Int, to text: inout ByteText) {
    let dumped = dump.fibrils[index]
    let fibril = dumped.snapshot
    let start = text.bytes.count
    text.append("fibril:")
    text.append(foreign: names.name(of: fibril))
    text.pad(from: start, to: 23)
    text.append("state:")
    text.append(Self.letter(of: dumped))
    appendField(" stack:", 16, to: &text) { text in
      if let free = dumped.neverUsed { text.append(decimal: free) } else { text.append("-") }
    }
    appendField("id:", 9, to: &text) { $0.append(decimal: fibril.fibril) }
    appendField("task:", 16, to: &text) { text in
      text.append(decimal: fibril.task)
      text.append("(tid ")
      text.append(decimal: UInt64(threadID(ofTask: fibril.task)))
      text.append(")")
    }
    appendField("parent:", 12, to: &text) { $0.append(decimal: fibril.parent) }
    appendField("age:", 13, to: &text) { text in
      if let age = dump.age(of: fibril) { text.append(seconds: age) } else { text.append("-") }
    }
    text.append(" ")
    appendDoing(dumped, to: &text)
    if dump.waits.waiters[index] > 0 {
      text.append(", blocks ")
      text.append(count: dump.waits.waiters[index], of: "other")
    }
    text.append("\n")
    appendStack(dumped, to: &text)
  }

  private func appendField(
    _ name: StaticString, _ columns: Int, to text: inout ByteText, _ value: (inout ByteText) -> Void
  ) {
    let start = text.bytes.count
    text.append(name)
    value(&text)
    text.pad(from: start, to: columns)
  }

  /// As the kernel's. D is for what no signal ends: no wait of a fibril is like that, but its thread's may be.
  static func letter(of dumped: DumpedFibril) -> StaticString {
    if case .inCall(let call, _) = dumped.stack, call.wait.isUninterruptible { return "D" }
    return switch dumped.snapshot.state {
    case .running, .runnable: "R"
    case .blocked: "S"
    case .dead: "Z"
    default: "?"
    }
  }

  /// What it does, or waits for, in words.
  func appendDoing(_ dumped: DumpedFibril, to text: inout ByteText) {
    let fibril = dumped.snapshot
    if fibril.changedWhileRead { text.append("(changed while read) ") }
    switch fibril.state {
    case .running:
      text.append("running fibril")
      switch dumped.stack {
      case .inCall(let call, _):
        text.append(", but its thread is in the kernel: ")
        append(call, to: &text)
        call.wait.append(to: &text)
      case .inKernel(isStopped: true, _): text.append(", but its thread is stopped")
      case .inKernel(isStopped: false, _): text.append(", but its thread is in the kernel")
      default: break
      }
    case .runnable: text.append("runnable")
    case .blocked:
      if fibril.isCall { text.append("pending ") }
      waits.append(fibril, dumped.pointed, to: &text)
    case .dead: text.append("ended, waiting to be joined")
    default:
      text.append("in unknown state ")
      text.append(decimal: UInt64(fibril.state.rawValue))
    }
  }

  /// A call that a thread is in.
  func append(_ call: ThreadCall, to text: inout ByteText) {
    CallArguments.append(
      call: call.number, call.arguments, call.pointed, descriptors: dump.descriptors, to: &text)
  }

  func appendStack(_ dumped: DumpedFibril, to text: inout ByteText) {
    text.append("Call Trace:\n")
    switch dumped.stack {
    case .parked(let number):
      let trace = rendered[number] ?? frames(of: dump.backtraces[number])
      rendered[number] = trace
      text.append(trace)
      if dump.backtraces[number].frames.first?.isExact == true { text.append(" (has not run yet)\n") }
    case .onCPU(let backtrace), .inCall(_, let backtrace), .inKernel(_, let backtrace):
      text.append(frames(of: backtrace))
    case .hidden, nil:
      text.append(" (")
      text.append(own: Self.whyNoStack(dumped))
      text.append(")\n")
    }
  }

  /// Why nothing can be shown of its stack.
  static func whyNoStack(_ dumped: DumpedFibril) -> String {
    if case .hidden(let cause) = dumped.stack { return cause }
    let fibril = dumped.snapshot
    if fibril.changedWhileRead { return "changed while read" }
    if fibril.isCall { return "in the kernel, no stack" }
    return fibril.state == .dead ? "ended, no stack" : "its stack cannot be read"
  }

  private func frames(of backtrace: Backtrace) -> ByteText {
    var text = ByteText()
    text.append(" <FIBRIL>\n")
    text.append(traces.text(of: backtrace))
    text.append(" </FIBRIL>\n")
    return text
  }
}
