import Fibril
import Glibc
import Testing

/// Runs `body` on a thread of its own that is a task, and hands back what it returns. Expectations
/// belong outside: they need more stack than a fibril has.
func onTask<Value: Sendable>(
  _ options: FibrilTask.Options = .init(), _ body: @escaping @Sendable (borrowing FibrilTask) throws -> Value
) throws -> Value {
  try onThread {
    let task = try FibrilTask(options: options)
    return try body(task)
  }
}

func onThread<Value: Sendable>(_ body: @escaping @Sendable () throws -> Value) throws -> Value {
  try TestThread(body).join()
}

/// A thread and what it will return.
final class TestThread<Value: Sendable>: @unchecked Sendable {
  // Sendable: `result` is written by the thread and read after the join.
  private let body: @Sendable () throws -> Value
  private var result: Result<Value, any Error>?
  private var thread = pthread_t()

  init(_ body: @escaping @Sendable () throws -> Value) throws {
    self.body = body
    let error = unsafe pthread_create(
      &thread, nil,
      { argument in
        let thread = unsafe Unmanaged<AnyObject>.fromOpaque(argument!).takeRetainedValue() as! any Runnable
        thread.run()
        return nil
      }, Unmanaged.passRetained(self as AnyObject).toOpaque())
    try #require(error == 0)
  }

  func join() throws -> Value {
    pthread_join(thread, nil)
    return try result!.get()
  }
}

private protocol Runnable { func run() }

extension TestThread: Runnable {
  func run() { result = Result { try body() } }
}

/// Both ways in which a task can run a call: through io_uring, and by helpers alone.
enum Way: String, CaseIterable, Codable, Sendable, CustomTestStringConvertible {
  case ring, helpers

  var options: FibrilTask.Options {
    var options = FibrilTask.Options()
    options.usesIOUring = self == .ring
    return options
  }

  var testDescription: String { rawValue }
}

/// A pipe whose ends are closed with it.
final class TestPipe: Sendable {
  let reading: Int32
  let writing: Int32

  init() {
    var ends: [Int32] = [0, 0]
    precondition(unsafe pipe(&ends) == 0)
    (reading, writing) = (ends[0], ends[1])
  }

  deinit {
    close(reading)
    close(writing)
  }

  func write(_ text: String) { _ = unsafe Glibc.write(writing, text, text.utf8.count) }

  /// Blocks the fibril until there is something to read.
  func readByCall() throws -> String {
    var bytes = [UInt8](repeating: 0, count: 64)
    let count = try unsafe bytes.withUnsafeMutableBytes { bytes in unsafe try Asys.call(.read(reading, into: bytes)) }
    return String(decoding: bytes.prefix(count), as: UTF8.self)
  }
}

/// What `body` throws, nil if it does not.
func thrown<Failure: Error>(_ body: () throws(Failure) -> Void) -> Failure? {
  do {
    try body()
    return nil
  } catch {
    return error
  }
}

/// Makes it look as if another thread were about to push the target's entry into its mailbox:
/// `inbound_pending` of `struct fibril_entry`.
func setPushing(_ target: WakeTarget, _ isPushing: Bool) {
  let pending = unsafe UnsafeMutablePointer<UInt32>(bitPattern: UInt(target.words.entry) + 200)!
  unsafe pending.pointee = isPushing ? 1 : 0
}

/// Waits until the thread has not run for 20 ms. False if that takes a second or two.
func fallsAsleep(_ thread: pid_t) -> Bool {
  var before: String?
  for _ in 0..<50 {
    let now = timeRun(by: thread)
    if now != nil, now == before { return true }
    before = now
    usleep(20_000)
  }
  return false
}

/// In ns, as /proc/PID/task/TID/schedstat says it: kept up to date at each tick.
private func timeRun(by thread: pid_t) -> String? {
  guard let file = unsafe fopen("/proc/self/task/\(thread)/schedstat", "r") else { return nil }
  defer { unsafe fclose(file) }
  var text = [UInt8](repeating: 0, count: 128)
  let count = unsafe fread(&text, 1, text.count, file)
  return String(decoding: text.prefix(count), as: UTF8.self).split(separator: " ").first.map(String.init)
}
