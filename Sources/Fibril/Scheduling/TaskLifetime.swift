internal import CFibril
internal import CFibrilContract
internal import Glibc

/// The stack on which a task's idle context runs.
private let idleStackBytes = 60 * 1024

/// Lays out everything a task needs and makes the calling thread it.
func makeTask(_ options: FibrilTask.Options) throws(FibrilError) -> TaskRef {
  try OutgoingCalls.check(options.interruptSignal)
  let slot = try FibrilTable.takeSlot()
  var entries = EntryAllocator(slot: slot)
  var stacks = StackArena()
  do {
    let root = try entries.take(from: slot)
    let idleStack = try stacks.take(idleStackBytes)
    let mailbox = try Mailbox(of: slot)
    let ring = options.usesIOUring ? try Ring(mailbox: mailbox.descriptor) : nil
    if slot.core == 0 { slot.core = try FibrilTable.reserve(MemoryLayout<TaskCore>.stride) }
    let perCall = unsafe fibril_per_call_find(
      options.sharesOpenAccesses || isSetInEnvironment("FIBRIL_SHARED_EXCLUSIVITY"))
    let id = fibril_take_task_id()
    let buffer = unsafe fibril_buffer_acquire(id)
    let task = TaskRef(bits: slot.core)!
    unsafe fibril_tools_keep(task.pointer)
    unsafe task.pointer.initialize(
      to: TaskCore(
        slot: slot, id: id, threadID: slot.pointee.tid, image: fibril_process_ident(),
        root: root, buffer: buffer, recordNumber: fibril_buffer_next_number(buffer),
        perCall: unsafe perCall, running: root,
        idleStackPointer: fibril_context_prepare(idleStack.high, idle, nil), entries: entries, stacks: stacks,
        inlineCalls: InlineCalls(runsFileCallsInline: options.runsFileCallsInline),
        outgoing: OutgoingCalls(interruptSignal: options.interruptSignal), mailbox: mailbox))
    unsafe fibril_bury_set { entry in unsafe requireTask().bury(EntryRef(entry!)) }
    slot.pointee.buffer = UInt64(UInt(bitPattern: unsafe task.pointee.buffer))
    EndWaiters.setOwner(of: mailbox, task: id)
    mailbox.takeOrders(true)
    task.pointee.ring = ring
    unsafe fibril_tools_start_task(slot.pointer, idleStack.low, idleStack.high)
    task.start()
    return task
  } catch {
    stacks.unmapAll()
    FibrilTable.giveBack(slot)
    throw error
  }
}

extension TaskRef {
  /// Publishes the task and its root fibril, which is running.
  fileprivate func start() {
    let root = pointee.root
    pointee.entries.giveBack(root)
    let entry = try! makeEntry(flags: EntryFlag.root, call: -1, parent: 0)
    assert(entry == root, "the entry given back last is taken first")
    var low: UInt64 = 0
    var high: UInt64 = 0
    if unsafe fibril_thread_stack(&low, &high) {
      root.pointee.stack_low = low
      root.pointee.stack_high = high
    }
    root.pointee.name = NameTable.intern("root")
    root.pointee.since = fibril_ticks()
    root.pointee.state = FibrilStateNumber.running  // and its sequence stays odd
    let slot = pointee.slot
    slot.pointee.root = root.pointee.id
    slot.pointee.running = root.pointee.id
    slot.pointee.running_entry = root.bits
    fibril_store_barrier()
    slot.pointee.task = pointee.id
    unsafe fibril_thread_task_set(pointer)
    unsafe fibril_overflow_watch(slot.pointer)
    unsafe fibril_emit_task_start(pointee.buffer, pointee.id, root.pointee.id, pointee.threadID)
  }
}

private func isSetInEnvironment(_ name: String) -> Bool {
  guard let value = unsafe getenv(name) else { return false }
  return unsafe strcmp(value, "1") == 0
}

/// Waits for what is left of the task and takes it down.
func stopTask(_ task: TaskRef) {
  precondition(currentTask() == task, "a FibrilTask is destroyed on another thread than its own")
  precondition(task.pointee.running == task.pointee.root, "a FibrilTask is destroyed by another fibril than its root")
  task.pointee.mailbox.takeOrders(false)
  task.carryOutOrders()
  task.joinAll()
  LocalValues.release(of: task.pointee.root)
  task.joinAll()  // what the values' ends have spawned
  task.drainCalls()
  task.renewIfForked()
  task.pointee.helpers?.retire()
  task.pointee.ring?.close()
  fibril_thread_task_set(nil)
  EndWaiters.setOwner(of: task.pointee.mailbox, task: 0)
  fibril_overflow_unwatch()
  fibril_tools_stop_task()
  let slot = task.pointee.slot
  FibrilTable.hide(slot)
  unsafe fibril_emit_task_stop(
    task.pointee.buffer, task.pointee.id, task.pointee.root.pointee.id, task.pointee.threadID)
  unsafe fibril_buffer_release(task.pointee.buffer)
  task.pointee.root.pointee.sequence &+= 1
  task.pointee.stacks.unmapAll()
  task.pointee.completions.deallocate()
  task.pointee.inlineCalls.deallocate()
  unsafe task.pointer.deinitialize(count: 1)
  FibrilTable.giveBack(slot)  // last: from here on another thread's task lives in it
}
