import ArgumentParser
import Fibril
import Glibc

/// Very many calls that all wait at the same time, half of them in `nanosleep` and half in `read` of empty
/// pipes: what they cost in memory, the process's and the kernel's. All of them complete in the end.
struct PendingCalls: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "pending-calls", abstract: "Memory of a million pending calls.")

  @Option(help: "How many calls.")
  var calls = 1_000_000

  @Option(help: "Calls that read one pipe.")
  var readsOfAPipe = 1000

  private static let vector = 1000

  func run() throws {
    let task = try FibrilTask()
    defer { task.joinAll() }
    let slabBefore = bytes(of: "Slab", in: "/proc/meminfo")
    let reads = calls / 2 / readsOfAPipe * readsOfAPipe
    let sleeps = calls - reads
    let start = ContinuousClock.now
    let writers = try submitReads(reads)
    // The reads have shown how long submitting takes: the sleeps outlast all of it.
    var time = timespec()
    time.tv_sec = 2 + Int(start.duration(to: .now).components.seconds + 1) * 4
    unsafe try withUnsafePointer(to: &time) { unsafe try submitSleeps(sleeps, UnsafeRawPointer($0)) }
    let submitting = start.duration(to: .now).components
    let pending = Asys.pendingCalls
    let resident = bytes(of: "VmRSS", in: "/proc/self/status")
    let slab = bytes(of: "Slab", in: "/proc/meminfo") - slabBefore
    guard pending == calls else { throw BenchmarkError("only \(pending) calls were pending at the same time") }
    for writer in writers { try fill(writer) }
    try collect(reads: reads, sleeps: sleeps)
    report([
      "resident_bytes": resident, "slab_bytes": slab,
      "submit_ns": (Double(submitting.seconds) * 1e9 + Double(submitting.attoseconds) / 1e9) / Double(calls),
    ])
  }

  /// Cookie 1: a read. Every read goes into the same byte, which nobody looks at.
  private func submitReads(_ count: Int) throws -> [Int32] {
    let target = UnsafeMutableRawBufferPointer.allocate(byteCount: 1, alignment: 1)
    return try (0..<count / readsOfAPipe).map { _ in
      var ends: [Int32] = [0, 0]
      guard unsafe pipe(&ends) == 0 else { throw BenchmarkError(cannot: "make a pipe") }
      let call = unsafe SystemCall.read(ends[0], into: target, cookie: 1)
      try Asys.submit(repeatElement(call, count: readsOfAPipe))
      return ends[1]
    }
  }

  private func submitSleeps(_ count: Int, _ time: UnsafeRawPointer) throws {
    var left = count
    while left > 0 {
      let call = unsafe SystemCall.nanosleep(time, cookie: 2)
      try Asys.submit(repeatElement(call, count: min(left, PendingCalls.vector)))
      left -= min(left, PendingCalls.vector)
    }
  }

  private func fill(_ writer: Int32) throws {
    let data = [UInt8](repeating: 1, count: readsOfAPipe)
    guard unsafe write(writer, data, data.count) == data.count else { throw BenchmarkError(cannot: "write a pipe") }
  }

  private func collect(reads: Int, sleeps: Int) throws {
    var (reads, sleeps) = (reads, sleeps)
    var completions: [Completion] = []
    while reads + sleeps > 0 {
      completions.removeAll(keepingCapacity: true)
      guard try Asys.awaitCompletions(minimum: 1, maximum: 4096, into: &completions) > 0 else { break }
      for completion in completions {
        switch (completion.cookie, completion.result) {
        case (1, 1): reads -= 1
        case (2, 0): sleeps -= 1
        default: throw BenchmarkError("call \(completion.cookie) ended with \(completion.result)")
        }
      }
    }
    guard reads == 0, sleeps == 0 else { throw BenchmarkError("\(reads) reads and \(sleeps) sleeps never ended") }
  }
}
