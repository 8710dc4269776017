// The dump as one JSON document, which docs/dump.schema.json describes. It is written as it goes: no
// part of it stands in memory for longer than it takes.
internal import Inspection
internal import Symbols
internal import TraceEvents
internal import Texts

/// Renders one process's dump for programs.
struct DumpJSON {
  let fibrils: FibrilText
  var dump: ProcessDump { fibrils.dump }

  /// Raised when a reader of older documents would misread newer ones.
  static let format: UInt64 = 1

  func write<Failure>(_ chosen: [Int], to writer: inout PieceWriter<Failure>) throws(Failure) {
    var json = JSONText()
    json.open("{")
    json.key("format")
    json.number(Self.format)
    appendProcess(to: &json)
    appendTasks(to: &json)
    json.key("problems")
    json.open("[")
    for problem in dump.problems { json.string(problem) }
    json.close("]")
    appendWaits(to: &json)
    json.key("fibrils")
    json.open("[")
    var backtraces = JSONBacktraces(dump, verbose: fibrils.isVerbose)
    for index in chosen {
      json.newLine()
      append(index, backtrace: backtraces.number(of: dump.fibrils[index].stack), to: &json)
      writer.text.append(json.take())
      try writer.flushIfLarge()
    }
    json.close("]")
    json.newLine()
    json.key("backtraces")
    json.open("[")
    for backtrace in backtraces.used {
      json.newLine()
      backtraces.append(backtrace, to: &json)
      writer.text.append(json.take())
      try writer.flushIfLarge()
    }
    json.close("]")
    json.close("}")
    writer.text.append(json.take())
    writer.text.append("\n")
  }

  private func appendProcess(to json: inout JSONText) {
    json.key("process")
    json.open("{")
    json.key("pid")
    json.number(UInt64(dump.process.processID))
    json.key("command")
    json.string(dump.process.command)
    json.key("runtime")
    json.string(dump.process.runtime)
    json.key("time_ns")
    json.number(dump.process.time)
    json.key("stopped_ns")
    if let stop = dump.stop { json.number(stop.nanoseconds) } else { json.null() }
    json.key("fibrils")
    json.number(UInt64(dump.fibrils.count))
    json.close("}")
  }

  private func appendTasks(to json: inout JSONText) {
    let heldUp = dump.heldUpTasks
    let sizes = dump.fibrils.reduce(into: [:]) { $0[$1.snapshot.task, default: 0] += 1 }
    json.key("tasks")
    json.open("[")
    for task in dump.process.tasks.sorted(by: { $0.task < $1.task }) {
      json.newLine()
      json.open("{")
      json.key("task")
      json.identifier(task.task)
      json.key("tid")
      json.number(UInt64(task.threadID))
      json.key("root")
      json.identifier(task.root)
      json.key("running")
      if task.running == 0 { json.null() } else { json.identifier(task.running) }
      json.key("held_up")
      json.boolean(heldUp[task.task] != nil)
      json.key("fibrils")
      json.number(UInt64(sizes[task.task] ?? 0))
      json.key("runnable")
      json.number(task.runnable)
      json.key("helpers")
      json.number(task.helpers)
      json.key("helper_queue")
      json.number(task.helperQueue)
      json.key("stalls")
      json.number(task.counts.inlineStalls)
      json.close("}")
    }
    json.close("]")
  }
}
