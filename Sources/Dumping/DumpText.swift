// The dump as text, in the form of the kernel's sysrq-t.
internal import Inspection
internal import Symbols
public import TraceEvents

/// Renders one process's dump.
public struct DumpText {
  private let dump: ProcessDump
  private let snapshot: ProcessSnapshot
  private let traces: BacktraceText
  private let waits: WaitText
  private let threads: [UInt64: UInt32]
  private var rendered: [ByteText?]

  public init(_ dump: ProcessDump) {
    self.dump = dump
    snapshot = dump.process
    traces = BacktraceText(dump.symbolizer)
    threads = Dictionary(snapshot.tasks.map { ($0.task, $0.threadID) }) { first, _ in first }
    rendered = Array(repeating: nil, count: dump.backtraces.count)
    let names = snapshot.names
    let byID = Dictionary(dump.fibrils.map { ($0.snapshot.fibril, $0.snapshot.name) }) { first, _ in first }
    waits = WaitText(dump) { fibril in byID[fibril].flatMap { Int($0) < names.count ? names[Int($0)] : nil } ?? "" }
  }

  /// Hands out the header and the chosen fibrils in pieces.
  public mutating func write<Failure>(
    where isChosen: (FibrilSnapshot) -> Bool, to put: ([UInt8]) throws(Failure) -> Void
  ) throws(Failure) {
    var text = ByteText()
    appendHeader(to: &text)
    for fibril in dump.fibrils where isChosen(fibril.snapshot) {
      append(fibril, to: &text)
      if text.bytes.count > 1 << 16 {
        try put(text.bytes)
        text.removeAll()
      }
    }
    try put(text.bytes)
  }

  private func appendHeader(to text: inout ByteText) {
    text.append("sysrq: Show State of ")
    text.append(foreign: snapshot.command)
    text.append("[")
    text.append(decimal: UInt64(snapshot.processID))
    text.append("]: ")
    appendCount(dump.fibrils.count, "fibril", to: &text)
    text.append(" in ")
    appendCount(snapshot.tasks.count, "task", to: &text)
    var separator: StaticString = " ("
    for (state, word) in Self.states {
      let count = dump.fibrils.count { $0.snapshot.state == state }
      guard count > 0 else { continue }
      text.append(separator)
      text.append(decimal: UInt64(count))
      text.append(word)
      separator = ", "
    }
    if dump.fibrils.isEmpty { text.append(" (") }
    text.append("), ")
    text.append(foreign: snapshot.runtime)
    if let stop = dump.stop {
      text.append(", ")
      text.append(own: stop.words)
    }
    text.append("\n")
    let sizes = Dictionary(grouping: dump.fibrils, by: \.snapshot.task).mapValues(\.count)
    for task in snapshot.tasks.sorted(by: { $0.task < $1.task }) {
      text.append("task:")
      text.append(decimal: task.task)
      text.append(" tid:")
      text.append(decimal: UInt64(task.threadID))
      text.append(" fibrils:")
      text.append(decimal: UInt64(sizes[task.task] ?? 0))
      text.append(" runnable:")
      text.append(decimal: task.runnable)
      if task.helpers > 0 { appendField(" helpers:", task.helpers, to: &text) }
      if task.helperQueue > 0 { appendField(" waiting for a helper:", task.helperQueue, to: &text) }
      if task.counts.inlineStalls > 0 { appendField(" stalls:", task.counts.inlineStalls, to: &text) }
      if task.running == 0 {
        text.append("  asleep until a fibril wakes\n")
      } else {
        text.append("  running fibril ")
        text.append(decimal: task.running)
        text.append("\n")
      }
    }
    for problem in dump.problems {
      text.append("(")
      text.append(own: problem)
      text.append(")\n")
    }
  }

  private func appendField(_ name: StaticString, _ value: UInt64, to text: inout ByteText) {
    text.append(name)
    text.append(decimal: value)
  }

  private static let states: [(FibrilState, StaticString)] = [
    (.running, " running"), (.runnable, " runnable"), (.blocked, " blocked"), (.dead, " dead"),
  ]

  private func appendCount(_ count: Int, _ word: StaticString, to text: inout ByteText) {
    text.append(decimal: UInt64(count))
    text.append(" ")
    text.append(word)
    if count != 1 { text.append("s") }
  }

  // MARK: One fibril

  private mutating func append(_ dumped: DumpedFibril, to text: inout ByteText) {
    let fibril = dumped.snapshot
    let start = text.bytes.count
    text.append("fibril:")
    text.append(foreign: name(of: fibril))
    text.pad(from: start, to: 23)
    text.append("state:")
    text.append(letter(of: fibril.state))
    appendField(" stack:", 16, to: &text) { text in
      if let free = dumped.neverUsed { text.append(decimal: free) } else { text.append("-") }
    }
    appendField("id:", 9, to: &text) { $0.append(decimal: fibril.fibril) }
    appendField("task:", 16, to: &text) { text in
      text.append(decimal: fibril.task)
      text.append("(tid ")
      text.append(decimal: UInt64(threads[fibril.task] ?? 0))
      text.append(")")
    }
    appendField("parent:", 12, to: &text) { $0.append(decimal: fibril.parent) }
    appendField("age:", 13, to: &text) { text in
      guard fibril.since > 0 else { return text.append("-") }
      text.append(seconds: snapshot.time > fibril.since ? snapshot.time - fibril.since : 0)
    }
    text.append(" ")
    appendDoing(dumped, to: &text)
    text.append("\n")
    appendStack(dumped, to: &text)
  }

  /// The fibril's own name, the call it is, or its first function.
  private func name(of fibril: FibrilSnapshot) -> String {
    let name = Int(fibril.name) < snapshot.names.count ? snapshot.names[Int(fibril.name)] : ""
    if !name.isEmpty { return name }
    if fibril.isCall, let call = fibril.call { return SystemCallNames.name(of: call) ?? "call \(call)" }
    if fibril.isRoot { return "root" }
    return (fibril.entry == 0 ? nil : traces.symbol(at: fibril.entry)) ?? "-"
  }

  private func letter(of state: FibrilState) -> StaticString {
    switch state {
    case .running, .runnable: "R"
    case .blocked: "S"
    case .dead: "Z"
    default: "?"
    }
  }

  private func appendField(
    _ name: StaticString, _ columns: Int, to text: inout ByteText, _ value: (inout ByteText) -> Void
  ) {
    let start = text.bytes.count
    text.append(name)
    value(&text)
    text.pad(from: start, to: columns)
  }

  private func appendDoing(_ dumped: DumpedFibril, to text: inout ByteText) {
    let fibril = dumped.snapshot
    if fibril.changedWhileRead { text.append("(changed while read) ") }
    switch fibril.state {
    case .running:
      text.append("running fibril")
      switch dumped.stack {
      case .inCall(let call, _):
        text.append(", but its thread is in the kernel: ")
        CallArguments.append(
          call: call.number, call.arguments, call.pointed, descriptors: dump.descriptors, to: &text)
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

  private mutating func appendStack(_ dumped: DumpedFibril, to text: inout ByteText) {
    let fibril = dumped.snapshot
    text.append("Call Trace:\n")
    switch dumped.stack {
    case .parked(let number):
      let trace = rendered[number] ?? traces.text(of: dump.backtraces[number])
      rendered[number] = trace
      appendFrames(trace, to: &text)
      if dump.backtraces[number].frames.first?.isExact == true { text.append(" (has not run yet)\n") }
    case .onCPU(let backtrace), .inCall(_, let backtrace), .inKernel(_, let backtrace):
      appendFrames(traces.text(of: backtrace), to: &text)
    case .hidden(let cause):
      text.append(" (")
      text.append(own: cause)
      text.append(")\n")
    case nil where fibril.changedWhileRead: text.append(" (changed while read)\n")
    case nil where fibril.isCall: text.append(" (in the kernel, no stack)\n")
    case nil where fibril.state == .dead: text.append(" (ended, no stack)\n")
    case nil: text.append(" (its stack cannot be read)\n")
    }
  }

  private func appendFrames(_ frames: ByteText, to text: inout ByteText) {
    text.append(" <FIBRIL>\n")
    text.append(frames)
    text.append(" </FIBRIL>\n")
  }
}
