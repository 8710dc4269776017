internal import CFibril
internal import Glibc

/// One task's io_uring: the two queues shared with the kernel. Only the task's thread touches it.
@safe struct Ring {
  /// The user data of the poll on the mailbox; entries' addresses are multiples of 256.
  static let mailboxTag: UInt64 = 1
  /// The user data of cancellations.
  private static let cancellationTag: UInt64 = 2

  private let descriptor: CInt
  private let rings: UnsafeMutableRawPointer
  private let ringBytes: Int
  private let submissions: UnsafeMutablePointer<io_uring_sqe>
  private let submissionEntries: UInt32
  private let completions: UnsafeMutablePointer<io_uring_cqe>
  private let completionMask: UInt32
  private let submissionTail, submissionFlags, completionHead, completionTail: UnsafeMutablePointer<UInt32>
  private var tail: UInt32
  /// Filled entries that the kernel has not been told of.
  private var unsubmitted: UInt32 = 0
  private var mailbox: CInt = -1
  private var isWatching = false
  /// Whether one cancellation can be for all operations: Linux 5.19.
  private let cancelsEverythingAtOnce: Bool

  /// Entries told to the kernel at once; more are passed on in several pieces.
  private static let entries: UInt32 = 256

  /// Sets up a ring that watches `mailbox`; nil where the kernel has none or refuses one.
  /// - Throws: `FibrilError` if only a descriptor was lacking.
  init?(mailbox: CInt) throws(FibrilError) {
    var parameters = io_uring_params()
    // Completions are made when this thread asks for them, not by interrupting it, and a word says
    // when it should (Linux 6.1).
    parameters.flags = UInt32(
      IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_TASKRUN_FLAG | IORING_SETUP_CLAMP)
    var descriptor = Ring.setUp(&parameters)
    cancelsEverythingAtOnce = descriptor >= 0
    if descriptor < 0 {
      parameters = io_uring_params()
      descriptor = Ring.setUp(&parameters)
    }
    if descriptor == -EMFILE || descriptor == -ENFILE {
      throw FibrilError(action: "create the io_uring of a task", code: -descriptor)
    }
    // The last of them stands for Linux 5.17, which has every operation that RingOperation names.
    let needed = UInt32(IORING_FEAT_SINGLE_MMAP | IORING_FEAT_NODROP | IORING_FEAT_CQE_SKIP | IORING_FEAT_EXT_ARG)
    guard descriptor >= 0 else { return nil }
    guard parameters.features & needed == needed else {
      Glibc.close(descriptor)
      return nil
    }
    ringBytes = max(
      Int(parameters.sq_off.array) + Int(parameters.sq_entries) * 4,
      Int(parameters.cq_off.cqes) + Int(parameters.cq_entries) * MemoryLayout<io_uring_cqe>.stride)
    submissionEntries = parameters.sq_entries
    completionMask = parameters.cq_entries - 1
    guard
      let rings = unsafe Ring.map(descriptor, ringBytes, offset: UInt64(IORING_OFF_SQ_RING)),
      let entries = unsafe Ring.map(
        descriptor, Int(submissionEntries) * MemoryLayout<io_uring_sqe>.stride, offset: UInt64(IORING_OFF_SQES))
    else {
      Glibc.close(descriptor)
      return nil
    }
    self.descriptor = descriptor
    unsafe self.rings = rings
    unsafe submissions = unsafe entries.assumingMemoryBound(to: io_uring_sqe.self)
    unsafe completions = unsafe (rings + Int(parameters.cq_off.cqes)).assumingMemoryBound(to: io_uring_cqe.self)
    unsafe submissionTail = unsafe (rings + Int(parameters.sq_off.tail)).assumingMemoryBound(to: UInt32.self)
    unsafe submissionFlags = unsafe (rings + Int(parameters.sq_off.flags)).assumingMemoryBound(to: UInt32.self)
    unsafe completionHead = unsafe (rings + Int(parameters.cq_off.head)).assumingMemoryBound(to: UInt32.self)
    unsafe completionTail = unsafe (rings + Int(parameters.cq_off.tail)).assumingMemoryBound(to: UInt32.self)
    tail = unsafe submissionTail.pointee
    // Slot n of the index array always names entry n.
    let indices = unsafe (rings + Int(parameters.sq_off.array)).assumingMemoryBound(to: UInt32.self)
    for index in 0..<submissionEntries { unsafe indices[Int(index)] = index }
    watchMailbox(mailbox, stillArmed: false)
  }

  private static func setUp(_ parameters: inout io_uring_params) -> CInt {
    unsafe withUnsafeMutablePointer(to: &parameters) { pointer in
      CInt(
        truncatingIfNeeded: fibril_system_call(
          Int64(SYS_io_uring_setup), UInt64(entries), UInt64(UInt(bitPattern: pointer)), 0, 0, 0, 0))
    }
  }

  private static func map(_ descriptor: CInt, _ bytes: Int, offset: UInt64) -> UnsafeMutableRawPointer? {
    let memory = unsafe mmap(
      nil, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | CInt(MAP_POPULATE), descriptor, off_t(offset))
    return unsafe memory == MAP_FAILED ? nil : memory
  }

  func close() {
    unsafe munmap(rings, ringBytes)
    unsafe munmap(submissions, Int(submissionEntries) * MemoryLayout<io_uring_sqe>.stride)
    Glibc.close(descriptor)
  }

  /// Whether the kernel has something for this thread to do, or there is something to tell it.
  var hasWork: Bool { unsafe unsubmitted > 0 || fibril_atomic_load32(submissionFlags) & Ring.kernelHasWork != 0 }

  private static let kernelHasWork = UInt32(IORING_SQ_TASKRUN | IORING_SQ_CQ_OVERFLOW)

  var hasUnsubmitted: Bool { unsubmitted > 0 }

  /// Whether so much is queued that the kernel should hear of it before the task has to go there anyway: a
  /// disk with a queue that runs empty loses more than a system call for every four operations costs.
  var isWorthSubmitting: Bool { unsubmitted >= 4 }

  /// Polls the mailbox's eventfd, again and again: as soon as there is room for that.
  mutating func watchMailbox(_ mailbox: CInt, stillArmed: Bool) {
    self.mailbox = mailbox
    isWatching = stillArmed || watch()
  }

  private mutating func watch() -> Bool {
    add(
      RingOperation(
        code: UInt8(IORING_OP_POLL_ADD.rawValue), descriptor: mailbox, length: UInt32(IORING_POLL_ADD_MULTI),
        flags: UInt32(POLLIN)), userData: Ring.mailboxTag)
  }

  /// Has the operation with this user data end soon, with -ECANCELED or, by a worker, -EINTR. Returns
  /// false if there is no room for that at the moment.
  mutating func cancel(_ userData: UInt64) -> Bool {
    add(
      RingOperation(code: UInt8(IORING_OP_ASYNC_CANCEL.rawValue), descriptor: -1, address: userData),
      userData: Ring.cancellationTag)
  }

  /// The same for all operations, the poll on the mailbox among them, which is set up again.
  mutating func cancelEverything() -> Bool {
    guard cancelsEverythingAtOnce else { return false }
    return add(
      RingOperation(
        code: UInt8(IORING_OP_ASYNC_CANCEL.rawValue), descriptor: -1,
        flags: UInt32(IORING_ASYNC_CANCEL_ALL | IORING_ASYNC_CANCEL_ANY)), userData: Ring.cancellationTag)
  }

  /// Queues an operation; the kernel hears of it with the next `submit`. Returns false if the kernel
  /// takes no more at the moment: for want of memory, or until completions have been taken.
  mutating func add(_ operation: RingOperation, userData: UInt64) -> Bool {
    if unsubmitted == submissionEntries { submit(waitFor: 0) }
    guard unsubmitted < submissionEntries else { return false }
    let entry = unsafe submissions + Int(tail & (submissionEntries - 1))
    unsafe fibril_ring_fill(
      entry, operation.code, operation.descriptor, operation.offset, operation.address, operation.length,
      operation.flags, userData)
    tail &+= 1
    unsubmitted += 1
    unsafe fibril_atomic_store32(submissionTail, tail)
    return true
  }

  /// Tells the kernel what was queued and lets it complete what is done, waiting for `count`
  /// completions at least or, if it is not 0, until the deadline (CLOCK_MONOTONIC, ns).
  mutating func submit(waitFor count: UInt32, until deadline: UInt64 = 0) {
    // Who sleeps without the mailbox sleeps through a knock.
    if !isWatching, unsubmitted < submissionEntries { isWatching = watch() }
    let result = fibril_ring_enter(descriptor, unsubmitted, isWatching ? count : 0, deadline)
    switch -result {
    case ...0: unsubmitted -= min(unsubmitted, UInt32(result))
    case Int64(ETIME): break
    case Int64(EINTR): break  // a signal handler may have left a wake
    case Int64(EAGAIN): break  // no memory for a request: the caller comes again
    case Int64(EBUSY): break  // no room for completions: the caller takes some, and comes again
    default: fatalError("io_uring_enter failed with error \(-result)")
    }
  }

  /// What the kernel says of a finished operation; `more`: it goes on.
  struct Completed {
    var userData: UInt64
    var result: Int32
    var more: Bool
  }

  /// The oldest completion that has not been taken. What became of a cancellation is seen by the
  /// operation that it was for.
  mutating func popCompletion() -> Completed? {
    while true {
      let head = unsafe completionHead.pointee
      guard unsafe head != fibril_atomic_load32(completionTail) else { return nil }
      let entry = unsafe completions[Int(head & completionMask)]
      unsafe fibril_atomic_store32(completionHead, head &+ 1)
      guard entry.user_data != Ring.cancellationTag else { continue }
      return Completed(
        userData: entry.user_data, result: entry.res, more: entry.flags & UInt32(IORING_CQE_F_MORE) != 0)
    }
  }
}
