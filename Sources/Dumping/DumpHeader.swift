// What stands above the fibrils of a dump: the process, its tasks, and what holds them up.
internal import Inspection
internal import TraceEvents
internal import Texts

/// Renders the head of a dump.
struct DumpHeader {
  let fibrils: FibrilText
  private var dump: ProcessDump { fibrils.dump }

  /// `shown` is how many fibrils follow. Deadlocks come first, with their members' stacks or without.
  func append(shown: Int, withStacks: Bool, to text: inout ByteText) {
    let waits = CycleText(fibrils: fibrils)
    appendProcess(to: &text)
    waits.appendCycles(withStacks: withStacks, to: &text)
    let sizes = dump.fibrils.reduce(into: [:]) { $0[$1.snapshot.task, default: 0] += 1 }
    let heldUp = dump.heldUpTasks
    for task in dump.process.tasks.sorted(by: { $0.task < $1.task }) {
      append(task, fibrils: sizes[task.task] ?? 0, isHeldUp: heldUp[task.task] != nil, to: &text)
    }
    for problem in dump.problems {
      text.append("(")
      text.append(own: problem)
      text.append(")\n")
    }
    for task in dump.process.tasks.sorted(by: { $0.task < $1.task }) {
      if let index = heldUp[task.task] { append(task, heldUpBy: dump.fibrils[index], to: &text) }
    }
    waits.appendRoots(to: &text)
    guard shown < dump.fibrils.count else { return }
    text.append("Showing ")
    text.append(count: shown)
    text.append(" of ")
    text.append(count: dump.fibrils.count, of: "fibril")
    text.append(".\n")
  }

  private func appendProcess(to text: inout ByteText) {
    text.append("sysrq: Show State of ")
    text.append(foreign: dump.process.command)
    text.append("[")
    text.append(decimal: UInt64(dump.process.processID))
    text.append("]: ")
    text.append(count: dump.fibrils.count, of: "fibril")
    text.append(" in ")
    text.append(count: dump.process.tasks.count, of: "task")
    var separator: StaticString = " ("
    for (state, word) in Self.states {
      let count = dump.fibrils.count { $0.snapshot.state == state }
      guard count > 0 else { continue }
      text.append(separator)
      text.append(count: count)
      text.append(word)
      separator = ", "
    }
    text.append(dump.fibrils.isEmpty ? ", " : "), ")
    text.append(foreign: dump.process.runtime)
    if let stop = dump.stop {
      text.append(", ")
      text.append(own: stop.words)
    }
    text.append("\n")
  }

  private static let states: [(FibrilState, StaticString)] = [
    (.running, " running"), (.runnable, " runnable"), (.blocked, " blocked"), (.dead, " dead"),
  ]

  private func append(_ task: TaskSnapshot, fibrils: Int, isHeldUp: Bool, to text: inout ByteText) {
    text.append("task:")
    text.append(decimal: task.task)
    text.append(" tid:")
    text.append(decimal: UInt64(task.threadID))
    appendField(" fibrils:", UInt64(fibrils), to: &text)
    appendField(" runnable:", task.runnable, to: &text)
    if task.helpers > 0 { appendField(" helpers:", task.helpers, to: &text) }
    if task.helperQueue > 0 { appendField(" waiting for a helper:", task.helperQueue, to: &text) }
    if task.counts.inlineStalls > 0 { appendField(" stalls:", task.counts.inlineStalls, to: &text) }
    if task.running == 0 {
      text.append("  asleep until a fibril wakes\n")
    } else {
      text.append(isHeldUp ? "  held up by fibril " : "  running fibril ")
      text.append(decimal: task.running)
      text.append("\n")
    }
  }

  private func appendField(_ name: StaticString, _ value: UInt64, to text: inout ByteText) {
    text.append(name)
    text.append(decimal: value)
  }

  /// The hidden blocking call: while it lasts nothing else of the task runs.
  private func append(_ task: TaskSnapshot, heldUpBy fibril: DumpedFibril, to text: inout ByteText) {
    text.append("WARNING: task ")
    text.append(decimal: task.task)
    text.append(" (tid ")
    text.append(decimal: UInt64(task.threadID))
    text.append(") is held up by ")
    fibrils.names.append(fibril.snapshot.fibril, to: &text)
    switch fibril.stack {
    case .inCall(let call, _):
      text.append(", which blocks the thread in ")
      fibrils.append(call, to: &text)
    case .inKernel(isStopped: true, _): text.append(": the thread is stopped, by a signal or a debugger")
    default: text.append(": the thread waits in the kernel")
    }
    text.append("\n ")
    if case .inCall(let call, _) = fibril.stack, let nanoseconds = call.wait.nanoseconds {
      text.append("for ")
      text.append(seconds: nanoseconds)
      text.append("; ")
    } else if let age = dump.age(of: fibril.snapshot) {
      // The table knows when a fibril was last woken, not when its thread went into the kernel.
      text.append("for ")
      text.append(seconds: age)
      text.append(" at most; ")
    }
    text.append(count: Int(clamping: task.runnable), of: "runnable fibril")
    text.append(task.runnable == 1 ? " waits behind it\n" : " wait behind it\n")
  }
}

extension ProcessDump {
  /// By task, the index of the fibril that runs while its thread waits in the kernel.
  var heldUpTasks: [UInt64: Int] {
    var result: [UInt64: Int] = [:]
    for (index, fibril) in fibrils.enumerated() {
      switch fibril.stack {
      case .inCall, .inKernel: result[fibril.snapshot.task] = index
      default: break
      }
    }
    return result
  }
}
