internal import CFibril
internal import Glibc

/// One task's io_uring: the two queues shared with the kernel. Only the task's thread touches it.
@safe struct Ring {
  /// The user data of the poll on the mailbox; entries' addresses are multiples of 256.
  static let mailboxTag: UInt64 = 1

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
  /// Operations in the kernel, the poll on the mailbox not counted.
  private var inFlight = 0
  /// Completions taken early to make room, which happens only if the kernel has run out of it.
  private var backlog: [Completed] = []

  /// Entries told to the kernel at once; more are passed on in several pieces.
  private static let entries: UInt32 = 256

  /// Sets up a ring that watches `mailbox`; nil where the kernel has none or refuses one.
  init?(mailbox: CInt) {
    var parameters = io_uring_params()
    // Completions are made when this thread asks for them, not by interrupting it (Linux 6.1).
    parameters.flags = UInt32(IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_CLAMP)
    var descriptor = Ring.setUp(&parameters)
    if descriptor < 0 {
      parameters = io_uring_params()
      descriptor = Ring.setUp(&parameters)
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

  /// Whether a look at the completions could be worth a system call.
  var hasWork: Bool { unsubmitted > 0 || inFlight > 0 }

  var hasUnsubmitted: Bool { unsubmitted > 0 }

  /// Polls the mailbox's eventfd, again and again.
  mutating func watchMailbox(_ mailbox: CInt, stillArmed: Bool) {
    guard !stillArmed else { return }
    fill(
      RingOperation(
        code: UInt8(IORING_OP_POLL_ADD.rawValue), descriptor: mailbox, length: UInt32(IORING_POLL_ADD_MULTI),
        flags: UInt32(POLLIN)), userData: Ring.mailboxTag)
  }

  /// Queues an operation; the kernel hears of it with the next `submit`.
  mutating func add(_ operation: RingOperation, userData: UInt64) {
    fill(operation, userData: userData)
    inFlight += 1
  }

  private mutating func fill(_ operation: RingOperation, userData: UInt64) {
    while unsubmitted == submissionEntries { submit(waitFor: 0) }
    let entry = unsafe submissions + Int(tail & (submissionEntries - 1))
    unsafe fibril_ring_fill(
      entry, operation.code, operation.descriptor, operation.offset, operation.address, operation.length,
      operation.flags, userData)
    tail &+= 1
    unsubmitted += 1
    unsafe fibril_atomic_store32(submissionTail, tail)
  }

  /// Tells the kernel what was queued and lets it complete what is done, waiting for `count`
  /// completions at least or, if it is not 0, until the deadline (CLOCK_MONOTONIC, ns).
  mutating func submit(waitFor count: UInt32, until deadline: UInt64 = 0) {
    let result = fibril_ring_enter(descriptor, unsubmitted, count, deadline)
    switch -result {
    case ...0: unsubmitted -= min(unsubmitted, UInt32(result))
    case Int64(ETIME): break
    case Int64(EINTR): break  // a signal handler may have left a wake
    case Int64(EAGAIN): break  // no memory for a request: the caller comes again
    case Int64(EBUSY): while let completion = takeCompletion() { backlog.append(completion) }
    default: fatalError("io_uring_enter failed with error \(-result)")
    }
  }

  /// What the kernel says of a finished operation; `more`: it goes on.
  struct Completed {
    var userData: UInt64
    var result: Int32
    var more: Bool
  }

  /// The oldest completion that has not been taken.
  mutating func popCompletion() -> Completed? {
    guard backlog.isEmpty else { return backlog.removeFirst() }
    return takeCompletion()
  }

  private mutating func takeCompletion() -> Completed? {
    let head = unsafe completionHead.pointee
    guard unsafe head != fibril_atomic_load32(completionTail) else { return nil }
    let entry = unsafe completions[Int(head & completionMask)]
    unsafe fibril_atomic_store32(completionHead, head &+ 1)
    if entry.user_data != Ring.mailboxTag { inFlight -= 1 }
    return Completed(
      userData: entry.user_data, result: entry.res, more: entry.flags & UInt32(IORING_CQE_F_MORE) != 0)
  }
}
