// Who waits for whom, in JSON.
internal import TraceEvents
internal import Texts

extension DumpJSON {
  func appendWaits(to json: inout JSONText) {
    json.key("cycles")
    json.open("[")
    for cycle in dump.waits.cycles {
      json.newLine()
      append(cycle, to: &json)
    }
    json.close("]")
    json.key("blocked_behind")
    json.open("[")
    for root in dump.waits.roots {
      json.newLine()
      json.open("{")
      switch root.holder {
      case .fibril(let id):
        json.key("fibril")
        json.identifier(id)
        json.key("tid")
        json.null()
      case .thread(let thread):
        json.key("fibril")
        json.null()
        json.key("tid")
        json.number(UInt64(thread))
      }
      json.key("waiters")
      json.number(UInt64(root.waiters))
      json.close("}")
    }
    json.close("]")
  }

  private func append(_ cycle: WaitCycle, to json: inout JSONText) {
    json.open("{")
    json.key("end")
    switch cycle.end {
    case .never: json.string("never")
    case .deadline: json.string("deadline")
    case .cancelled: json.string("cancelled")
    }
    json.key("deadline_ns")
    if case .deadline(let deadline) = cycle.end { json.number(deadline) } else { json.null() }
    json.key("waiters")
    json.number(UInt64(cycle.waiters))
    json.key("fibrils")
    json.open("[")
    for index in cycle.members { json.identifier(dump.fibrils[index].snapshot.fibril) }
    json.close("]")
    json.close("}")
  }
}
