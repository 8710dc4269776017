// One fibril of a dump in JSON: what is known of it, decoded and raw.
internal import Inspection
internal import TraceEvents
internal import Texts

extension DumpJSON {
  /// The fibril with this index in the dump, and the number of its backtrace.
  func append(_ index: Int, backtrace: Int?, to json: inout JSONText) {
    let dumped = dump.fibrils[index]
    let fibril = dumped.snapshot
    json.open("{")
    json.key("id")
    json.identifier(fibril.fibril)
    json.key("name")
    json.string(fibrils.names.name(of: fibril))
    json.key("state")
    json.string(WaitKind.word(of: fibril.state))
    json.key("task")
    json.identifier(fibril.task)
    json.key("tid")
    json.number(UInt64(fibrils.threadID(ofTask: fibril.task)))
    json.key("parent")
    if fibril.parent == 0 { json.null() } else { json.identifier(fibril.parent) }
    json.key("age_ns")
    if let age = dump.age(of: fibril) { json.number(age) } else { json.null() }
    json.key("stack_unused")
    if let unused = dumped.neverUsed { json.number(unused) } else { json.null() }
    json.key("is_root")
    json.boolean(fibril.isRoot)
    json.key("is_call")
    json.boolean(fibril.isCall)
    json.key("changed_while_read")
    json.boolean(fibril.changedWhileRead)
    json.key("entry")
    if fibril.entry == 0 { json.null() } else { json.address(fibril.entry) }
    json.key("waiters")
    json.number(UInt64(dump.waits.waiters[index]))
    json.key("doing")
    var doing = ByteText()
    fibrils.appendDoing(dumped, to: &doing)
    json.string(doing)
    json.key("wait")
    if fibril.state == .blocked { appendWait(fibril, to: &json) } else { json.null() }
    json.key("call")
    appendCall(dumped, to: &json)
    json.key("thread")
    if let thread = Self.thread(dumped.stack) { json.string(thread) } else { json.null() }
    json.key("backtrace")
    if let backtrace { json.number(UInt64(backtrace)) } else { json.null() }
    json.key("no_stack")
    if backtrace == nil { json.string(FibrilText.whyNoStack(dumped)) } else { json.null() }
    json.close("}")
  }

  private func appendWait(_ fibril: FibrilSnapshot, to json: inout JSONText) {
    json.open("{")
    json.key("reason")
    json.string(WaitKind.word(of: fibril.reason))
    json.key("reason_number")
    json.number(UInt64(fibril.reason.rawValue))
    json.key("object")
    json.address(fibril.object)
    json.key("joins")
    if fibril.reason == .join, fibril.object != 0 { json.identifier(fibril.object) } else { json.null() }
    json.key("owner")
    if fibril.owner == 0 { json.null() } else { json.identifier(fibril.owner) }
    json.key("owner_tid")
    if fibril.ownerThread == 0 { json.null() } else { json.number(UInt64(fibril.ownerThread)) }
    json.key("deadline_ns")
    if fibril.deadline == 0 { json.null() } else { json.number(fibril.deadline) }
    json.close("}")
  }

  /// The call it is or is blocked in, or the one that its thread is in.
  private func appendCall(_ dumped: DumpedFibril, to json: inout JSONText) {
    let fibril = dumped.snapshot
    let number: UInt32
    let arguments: [UInt64]
    var decoded = ByteText()
    if case .inCall(let hidden, _) = dumped.stack {
      number = hidden.number
      arguments = hidden.arguments
      fibrils.append(hidden, to: &decoded)
    } else if fibril.state == .blocked, fibril.isCall || fibril.reason == .call, let own = fibril.call {
      number = own
      arguments = fibril.arguments
      CallArguments.append(call: own, arguments, dumped.pointed, descriptors: dump.descriptors, to: &decoded)
    } else {
      return json.null()
    }
    json.open("{")
    json.key("number")
    json.number(UInt64(number))
    json.key("name")
    if let name = SystemCallNames.name(of: number) { json.string(name) } else { json.null() }
    json.key("arguments")
    json.open("[")
    for argument in arguments { json.address(argument) }
    json.close("]")
    json.key("text")
    json.string(decoded)
    json.key("on_helper")
    json.boolean(fibril.onHelper)
    json.close("}")
  }

  private static func thread(_ stack: StackView?) -> String? {
    switch stack {
    case .onCPU: "on the CPU"
    case .inCall: "in a call"
    case .inKernel(isStopped: true, _): "stopped"
    case .inKernel(isStopped: false, _): "in the kernel"
    case .hidden: "not seen"
    case .parked, nil: nil
    }
  }
}
