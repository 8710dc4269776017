internal import CFibril
internal import CFibrilContract
internal import Glibc

/// Where other threads and signal handlers leave wakes and results for a task, and knock if it
/// sleeps. Posting takes no lock and allocates nothing, so a signal handler may do it.
@safe struct Mailbox {
  /// Raw, shared with every wake target of the task. It stays with the task's slot, and so does its
  /// eventfd: a late wake may still be on its way, and must not be written into another file.
  let shared: UnsafeMutablePointer<fibril_mailbox>

  var descriptor: CInt { unsafe shared.pointee.descriptor }

  /// The mailbox of the slot. What a late waker has left in it goes to fibrils that are no more.
  init(of slot: SlotRef) throws(FibrilError) {
    if let old = unsafe UnsafeMutablePointer<fibril_mailbox>(bitPattern: UInt(slot.mailbox)) {
      unsafe shared = unsafe old
      return
    }
    // Not from the heap, where a leak checker misses what only the mapped slot points to.
    let memory = try FibrilTable.reserve(MemoryLayout<fibril_mailbox>.stride)
    unsafe shared = UnsafeMutablePointer(bitPattern: UInt(memory))!
    let descriptor = eventfd(0, CInt(EFD_CLOEXEC | EFD_NONBLOCK))
    guard descriptor >= 0 else {
      let code = Glibc.errno
      unsafe munmap(shared, MemoryLayout<fibril_mailbox>.stride)
      throw FibrilError(action: "create the eventfd that wakes a task", code: code)
    }
    unsafe shared.initialize(to: fibril_mailbox())
    unsafe shared.pointee.descriptor = descriptor
    slot.mailbox = UInt64(UInt(bitPattern: unsafe shared))
  }

  /// Leaves a request for the fibril that has this id in `entry`. Any thread.
  static func post(
    _ request: fibril_request, id: UInt64, entry: EntryRef, to shared: UnsafeMutablePointer<fibril_mailbox>,
    by waker: Waker
  ) {
    unsafe fibril_atomic_request(&entry.pointer.pointee.requests, id, UInt64(request.rawValue))
    guard unsafe fibril_atomic_exchange32(&entry.pointer.pointee.inbound_pending, 1) == 0 else { return }
    entry.pointee.wake_time = waker.time
    entry.pointee.waker_task = waker.task
    entry.pointee.waker_fibril = waker.fibril
    unsafe fibril_atomic_push(&shared.pointee.wakes, entry.bits, &entry.pointer.pointee.inbound_link)
    unsafe knock(shared)
  }

  /// Leaves a finished call, its result in the entry. Helper threads.
  static func post(result entry: EntryRef, to shared: UnsafeMutablePointer<fibril_mailbox>) {
    unsafe fibril_atomic_push(&shared.pointee.results, entry.bits, &entry.pointer.pointee.link)
    unsafe knock(shared)
  }

  static func knock(_ shared: UnsafeMutablePointer<fibril_mailbox>) {
    fibril_atomic_fence()
    guard unsafe fibril_atomic_exchange32(&shared.pointee.sleeping, 0) == 1 else { return }
    var one: UInt64 = 1
    // By the bare call: errno belongs to whoever the signal handler has interrupted.
    _ = unsafe withUnsafePointer(to: &one) { pointer in
      fibril_system_call(
        Int64(SYS_write), UInt64(unsafe shared.pointee.descriptor), UInt64(UInt(bitPattern: pointer)), 8, 0, 0, 0)
    }
  }

  /// Leaves an order. Any thread, but no signal handler.
  /// - Returns: false if the mailbox is another task's by now, or its task ends.
  static func post(order: Order, to shared: UnsafeMutablePointer<fibril_mailbox>, of task: UInt64) -> Bool {
    unsafe fibril_guard_lock(&shared.pointee.guard)
    defer { unsafe fibril_guard_unlock(&shared.pointee.guard) }
    guard unsafe shared.pointee.task == task, unsafe shared.pointee.takes_orders != 0 else { return false }
    let bits = UInt64(UInt(bitPattern: unsafe Unmanaged.passRetained(order).toOpaque()))
    unsafe fibril_atomic_push(&shared.pointee.orders, bits, order.next)
    unsafe knock(shared)
    return true
  }

  // MARK: The owner's side

  var isEmpty: Bool {
    unsafe fibril_atomic_load(&shared.pointee.wakes) == 0 && fibril_atomic_load(&shared.pointee.results) == 0
      && fibril_atomic_load(&shared.pointee.orders) == 0
  }

  /// Whether orders are taken from now on; those that have been left are.
  func takeOrders(_ accepts: Bool) {
    unsafe fibril_guard_lock(&shared.pointee.guard)
    unsafe shared.pointee.takes_orders = accepts ? 1 : 0
    unsafe fibril_guard_unlock(&shared.pointee.guard)
  }

  /// A load and a compare: looked at on every switch, so that a wake does not wait for I/O's turn.
  @inline(__always)
  var hasWakes: Bool { unsafe fibril_atomic_load(&shared.pointee.wakes) != 0 }

  /// From here on a poster knocks; look at `isEmpty` once more before going to sleep.
  func announceSleep() {
    unsafe fibril_atomic_store32(&shared.pointee.sleeping, 1)
    fibril_atomic_fence()
  }

  func announceAwake() {
    unsafe fibril_atomic_store32(&shared.pointee.sleeping, 0)
  }

  /// Puts another eventfd in the place of the one that a forked child shares with its parent.
  func replaceDescriptor() {
    let new = eventfd(0, CInt(EFD_CLOEXEC | EFD_NONBLOCK))
    guard new >= 0 else { fatalError("a forked child cannot create the eventfd that wakes its task") }
    _ = fibril_system_call(
      Int64(SYS_dup3), UInt64(new), UInt64(descriptor), UInt64(bitPattern: Int64(O_CLOEXEC)), 0, 0, 0)
    close(new)
  }

  func answerKnock() {
    var count: UInt64 = 0
    _ = unsafe read(descriptor, &count, 8)
  }

  /// Sleeps until a knock or, if it is not 0, the deadline: for tasks without a ring.
  func waitForKnock(until deadline: UInt64) {
    fibril_wait_readable(descriptor, deadline)
    answerKnock()
  }

  /// All results, or all wakes, that have been left since the last time, oldest first.
  func takeResults() -> EntryRef? {
    var newest = EntryRef(bits: unsafe fibril_atomic_exchange(&shared.pointee.results, 0))
    var oldest: EntryRef?
    while let entry = newest {
      newest = EntryRef(bits: entry.pointee.link)
      entry.pointee.link = oldest?.bits ?? 0
      oldest = entry
    }
    return oldest
  }

  /// Oldest first.
  func takeOrders() -> [Order] {
    var orders: [Order] = []
    var bits = unsafe fibril_atomic_exchange(&shared.pointee.orders, 0)
    while let pointer = unsafe UnsafeRawPointer(bitPattern: UInt(bits)) {
      let order = unsafe Unmanaged<Order>.fromOpaque(pointer).takeRetainedValue()
      bits = unsafe order.next.pointee
      orders.append(order)
    }
    return orders.reversed()
  }

  func takeWakes() -> EntryRef? {
    var newest = EntryRef(bits: unsafe fibril_atomic_exchange(&shared.pointee.wakes, 0))
    var oldest: EntryRef?
    while let entry = newest {
      newest = EntryRef(bits: entry.pointee.inbound_link)
      entry.pointee.inbound_link = oldest?.bits ?? 0
      oldest = entry
    }
    return oldest
  }
}

extension TaskRef {
  /// Takes in what lies in the mailbox.
  func takeInbound() {
    guard !pointee.mailbox.isEmpty else { return }
    carryOutOrders()
    var result = pointee.mailbox.takeResults()
    while let entry = result {
      result = EntryRef(bits: entry.pointee.link)
      finishHelpersCall(entry)
    }
    var wake = pointee.mailbox.takeWakes()
    while let entry = wake {
      wake = EntryRef(bits: entry.pointee.inbound_link)
      let waker = Waker(
        time: entry.pointee.wake_time, task: entry.pointee.waker_task, fibril: entry.pointee.waker_fibril)
      unsafe fibril_atomic_store32(&entry.pointer.pointee.inbound_pending, 0)
      serve(unsafe fibril_atomic_exchange(&entry.pointer.pointee.requests, 0), of: entry, by: waker)
    }
  }

  /// Does what others have asked of a fibril. If it is no more, there is nothing to be done.
  private func serve(_ requests: UInt64, of entry: EntryRef, by waker: Waker) {
    let id = requests >> UInt64(FIBRIL_REQUEST_BITS)
    guard id != 0, entry.pointee.id == id else { return }
    let has = { (request: fibril_request) in requests & UInt64(request.rawValue) != 0 }
    let isDead = entry.pointee.state == FibrilStateNumber.dead
    if has(FIBRIL_REQUEST_WAKE), !isDead { wakeTarget(entry, by: waker) }
    if has(FIBRIL_REQUEST_UNPARK), !isDead { unpark(entry, id: id, by: waker) }
    if has(FIBRIL_REQUEST_CANCEL), !isDead { cancel(entry, id: id, by: waker) }
    if has(FIBRIL_REQUEST_JOIN) {
      entry.pointee.own |= OwnFlag.joinedFromElsewhere
      if isDead { EndWaiters.announceEnd(of: WakeTarget(entry, on: self)) }
    }
    if has(FIBRIL_REQUEST_RELEASE) { release(entry) }
  }

  /// Wakes a fibril that waits for its wake target, or lets its next such block return at once.
  private func wakeTarget(_ entry: EntryRef, by waker: Waker) {
    if entry.pointee.state == FibrilStateNumber.blocked,
      entry.pointee.reason == UInt8(FIBRIL_REASON_WAKE_TARGET.rawValue)
    {
      self.wake(entry, by: waker)
    } else {
      entry.pointee.flags |= EntryFlag.woken
    }
  }
}
