internal import CFibril
internal import CFibrilContract

/// A closure as it lies in an entry until its fibril starts. A struct, so that the two words are
/// moved as they are and not wrapped for a generic function.
struct Body {
  let run: () -> Void
}

extension TaskRef {
  /// A new fibril at the end of the run queue.
  /// - Parameters:
  ///   - code: The address of the code that `body` calls, if that says more than its own.
  ///   - parent: Who wants it, if that is another than the running fibril; 0: a thread that is no task.
  func spawn(
    name: String?, stackBytes: Int, flags: UInt8, code: UInt64? = nil, parent: UInt64? = nil,
    _ body: consuming @escaping () -> Void
  ) throws(FibrilError) -> EntryRef {
    let stack = try pointee.stacks.take(stackBytes)
    let parent = parent ?? pointee.running.pointee.id
    let entry: EntryRef
    do {
      entry = try makeEntry(flags: flags, call: -1, parent: parent)
    } catch {
      pointee.stacks.giveBack(stack)
      throw error
    }
    if let name { entry.pointee.name = NameTable.intern(name) }
    unsafe entry.bodyStorage.initialize(to: Body(run: body))
    entry.pointee.entry = code ?? entry.pointee.arguments.0  // a closure's first word is its code
    entry.pointee.stack_low = stack.low
    entry.pointee.stack_high = stack.high
    entry.pointee.stack_pointer = unsafe fibril_context_prepare(stack.start, runFibril, entry.pointer)
    // A reading of the clock is a fifth of all this: only a tracer wants to know when it was spawned.
    entry.pointee.since = fibril_traces_lifetime() ? fibril_ticks() : 0
    publish(entry, state: FibrilStateNumber.runnable)
    pointee.slot.pointee.counts.submits += 1
    pointee.closures += 1
    enqueue(entry)
    unsafe fibril_emit_submit(
      pointee.buffer, pointee.id, entry.pointee.id, parent, -1, entry.pointee.entry, entry.pointee.name,
      NameTable.text(of: entry.pointee.name))
    return entry
  }

  /// The end of the running fibril. Its stack is given back after the switch away from it, in `bury`.
  func teardown() -> fibril_departure {
    // Fibrils that each spawn the next and end must not keep the task from what happened meanwhile.
    harvestIfDue()
    let fibril = pointee.running
    fibril.pointee.next_number = nextNumber
    fibril.pointee.state = FibrilStateNumber.dead
    pointee.slot.pointee.counts.teardowns += 1
    pointee.closures -= 1
    unsafe fibril_emit_teardown(pointee.buffer, pointee.id, fibril.pointee.id, 0)
    wakeJoiners()
    return depart()
  }

  /// After the last switch away from a fibril: its stack is free, and its entry if nobody holds it.
  @inline(never)
  func bury(_ entry: EntryRef) {
    if fibril_tools_active() { fibril_tools_bury(entry.pointee.stack_high) }
    pointee.stacks.giveBack(Stack(low: entry.pointee.stack_low, high: entry.pointee.stack_high))
    entry.pointee.sequence &+= 1
    fibril_store_barrier()
    entry.pointee.stack_pointer = 0
    entry.pointee.stack_low = 0
    entry.pointee.stack_high = 0
    fibril_store_barrier()
    entry.pointee.sequence &+= 1
    if entry.pointee.flags & EntryFlag.held == 0 { unpublish(entry) }
  }
}

extension Ref<fibril_entry> {
  /// Where a closure lies until its fibril starts: the words of the arguments, unused so far.
  var bodyStorage: UnsafeMutablePointer<Body> {
    unsafe UnsafeMutableRawPointer(pointer).advanced(by: 128).assumingMemoryBound(to: Body.self)
  }
}

/// Where every fibril starts, on its own stack.
private func runFibril(_ argument: UnsafeMutableRawPointer?, left: UInt64, floatControl: UInt64) -> fibril_departure {
  let task = requireTask()
  if fibril_tools_active() { fibril_tools_begin() }
  fibril_note_left(left)
  if unsafe floatControl != task.pointee.perCall.float_control {
    unsafe fibril_float_control_set(task.pointee.perCall.float_control)
  }
  let entry = unsafe EntryRef(argument!.assumingMemoryBound(to: fibril_entry.self))
  runBody(entry)
  if entry.pointee.per_call != 0 { LocalValues.release(of: entry) }
  return task.teardown()
}

/// Apart from `runFibril`, so that the closure's context is released before the teardown.
@inline(never)
private func runBody(_ entry: EntryRef) {
  let body = unsafe entry.bodyStorage.move()
  body.run()
}
