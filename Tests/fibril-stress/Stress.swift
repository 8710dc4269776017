import ExceptionShim
import Fibril
import Glibc

// Everything that changes stacks, many times over, for runs under a sanitizer or Valgrind: two tasks
// whose fibrils spawn, yield, join, sleep, call, throw, wake each other, and share locks. Exits with 0 if
// all of it came out as it must.

/// What the fibrils of one task have done.
final class Tally {
  var ended = 0
  var sum = 0
}

/// Uses its stack down to a depth, and gives up the task at the bottom.
@inline(never)
func descend(_ depth: Int) -> Int {
  var words = InlineArray<8, Int>(repeating: depth)
  if depth == 0 { Fibril.yield() } else { words[depth & 7] += descend(depth - 1) }
  return words[depth & 7]
}

func throwAndCatch(_ value: Int, _ tally: Tally) {
  let again = unsafe exception_shim_handle(CInt(value), { _ in Fibril.yield() }, nil)
  precondition(again == CInt(value), "an exception of another fibril")
  tally.sum += Int(again)
}

func call(_ pipe: (reading: Int32, writing: Int32)) throws {
  var byte: UInt8 = 1
  try unsafe withUnsafeMutableBytes(of: &byte) { bytes in
    guard unsafe write(pipe.writing, bytes.baseAddress!, 1) == 1 else { fatalError("cannot write to a pipe") }
    let count = unsafe try Asys.call(.read(pipe.reading, into: bytes))
    precondition(count == 1, "a byte was written and not read")
  }
}

/// A ring of fibrils, every second one in another task, each of which wakes the next one.
final class Ring: @unchecked Sendable {
  // Sendable: each place is written by its fibril and read once all are in place, told by `inPlace`.
  private var targets: [WakeTarget?]
  private let gate: Gate
  init(_ members: Int) {
    targets = Array(repeating: nil, count: members)
    gate = Gate(members)
  }

  func run(_ member: Int, rounds: Int) throws {
    gate.enter { targets[member] = .current }
    while !gate.isOpen { try Fibril.sleep(for: .microseconds(50)) }
    if member == 0 { targets[1]!.wake() }
    for _ in 0..<rounds {
      try Fibril.block()
      targets[(member + 1) % targets.count]!.wake()
    }
  }
}

/// Opens once so many have entered.
@safe final class Gate: @unchecked Sendable {
  // Sendable: guarded by the lock.
  private let lock = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
  private var missing: Int
  init(_ count: Int) {
    missing = count
    unsafe pthread_mutex_init(lock, nil)
  }

  deinit {
    unsafe pthread_mutex_destroy(lock)
    unsafe lock.deallocate()
  }

  func enter(_ body: () -> Void) {
    unsafe pthread_mutex_lock(lock)
    body()
    missing -= 1
    unsafe pthread_mutex_unlock(lock)
  }

  var isOpen: Bool {
    unsafe pthread_mutex_lock(lock)
    defer { unsafe pthread_mutex_unlock(lock) }
    return missing == 0
  }
}

/// What the fibrils of both tasks take turns at.
final class Shared: @unchecked Sendable {
  // Sendable: `sum` and `isFull` are guarded by the mutex.
  private let mutex = FibrilMutex()
  private let condition = FibrilCondition()
  private let channel = FibrilChannel<Int>(capacity: 3)
  private let permits = FibrilSemaphore(permits: 1)
  private var sum = 0
  private var isFull = false

  /// Each task's share: as many are sent as received.
  func run(_ number: Int, rounds: Int) throws {
    for round in 0..<rounds {
      if number == 0 {
        try channel.send(round)
      } else {
        let received = try channel.receive()
        precondition(received == round, "an element is lost, or another's")
      }
      if round % 3 != 0 || !mutex.tryLock() { try mutex.lock() }
      sum += 1
      isFull = sum == 2 * rounds
      if isFull { condition.broadcast() }
      mutex.unlock()
      try permits.acquire()
      permits.release()
    }
    try mutex.lock()
    while !isFull { try condition.wait(mutex) }
    mutex.unlock()
  }
}

let members = 8

/// What both tasks do once.
final class Round: Sendable {
  let shared = Shared()
  let ring = Ring(members)
  let fibrils: Int
  let deepOnes: Int

  init(fibrils: Int, deepOnes: Int) {
    self.fibrils = fibrils
    self.deepOnes = deepOnes
  }
}

/// One task's share.
func work(_ number: Int, _ usesIOUring: Bool, _ round: Round) throws {
  let (ring, shared, fibrils) = (round.ring, round.shared, round.fibrils)
  var options = FibrilTask.Options()
  options.usesIOUring = usesIOUring
  let task = try FibrilTask(options: options)
  let tally = Tally()
  var ends: [Int32] = [0, 0]
  precondition(unsafe pipe(&ends) == 0)
  let pipe = (reading: ends[0], writing: ends[1])
  for member in 0..<members where member % 2 == number { try task.spawn { try! ring.run(member, rounds: 100) } }
  try task.spawn { try! shared.run(number, rounds: 1000) }
  for index in 1...fibrils {
    try task.spawn(stackBytes: (1 + index % 3) * Fibril.defaultStackBytes) {
      tally.sum += descend(index % 50)
      throwAndCatch(index, tally)
      let child = try! Fibril.spawn { tally.sum += descend(index % 20) }
      if index % 10 == 0 { try! Fibril.sleep(for: .microseconds(100)) }
      try! call(pipe)
      try! child.join()
      tally.ended += 1
    }
  }
  task.joinAll()
  // More frames at a time than a thread's shadow stack holds in ThreadSanitizer: they must be told apart.
  for _ in 0..<round.deepOnes { try task.spawn(stackBytes: 1 << 20) { tally.sum += descend(200) } }
  task.joinAll()
  precondition(tally.ended == fibrils, "\(tally.ended) of \(fibrils) fibrils ended")
  for end in ends { close(end) }
}

/// A thread that takes part in a round.
struct Partner {
  private let thread: pthread_t

  init(_ round: Round) {
    var thread = pthread_t()
    let error = unsafe pthread_create(
      &thread, nil,
      { round in
        try! work(1, false, unsafe Unmanaged<Round>.fromOpaque(round!).takeRetainedValue())
        return nil
      }, Unmanaged.passRetained(round).toOpaque())
    precondition(error == 0, "cannot create a thread")
    self.thread = thread
  }

  func join() { pthread_join(thread, nil) }
}

/// Two tasks, of which the second is a thread of its own.
func run(_ round: Round, usesIOUring: Bool) throws {
  let partner = Partner(round)
  try work(0, usesIOUring, round)
  partner.join()
}

@main
enum Stress {
  static func main() throws {
    if CommandLine.arguments.contains("--dumps") { return try dumpUntilInputEnds() }
    let round = Round(fibrils: 200, deepOnes: 500)
    // Valgrind holds all threads while one waits in io_uring_enter.
    try run(round, usesIOUring: !CommandLine.arguments.contains("--no-ring"))
    print("fibril-stress: 2 tasks, \(2 * round.fibrils) fibrils and as many children: all as it must be")
  }

  /// Rounds without end for somebody who sends SIGQUIT all the while, each time for a dump.
  private static func dumpUntilInputEnds() throws {
    Fibril.dumpOnQuit(goesOn: true)
    var rounds = 0
    var input = pollfd(fd: STDIN_FILENO, events: Int16(POLLIN), revents: 0)
    // A signal may interrupt it.
    while unsafe poll(&input, 1, 0) != 1 {
      try run(Round(fibrils: 10, deepOnes: 5), usesIOUring: rounds % 2 == 0)
      rounds += 1
    }
    print("fibril-stress: \(rounds) rounds: all as it must be")
  }
}
