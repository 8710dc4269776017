import ArgumentParser
import Fibril
import Glibc

/// Reads of 4 KiB that the page cache answers, submitted as vectors and collected.
struct CachedReads: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "cached-reads", abstract: "Nanoseconds a submitted pread of 4 KiB from the page cache.")

  @Argument(help: "A file of at least a vector's number of blocks of 4 KiB.")
  var file: String

  @Option(help: "Calls in a vector.")
  var vector = 64

  @Option(help: "How many vectors.")
  var vectors = 3000

  func run() throws {
    let (vector, vectors) = (vector, vectors)  // reading an option takes as long as a system call
    let task = try FibrilTask()
    defer { task.joinAll() }
    let descriptor = unsafe open(file, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { throw BenchmarkError(cannot: "open \(file)") }
    defer { close(descriptor) }
    let block = 4096
    let memory = UnsafeMutableRawPointer.allocate(byteCount: vector * block, alignment: block)
    defer { unsafe memory.deallocate() }
    var calls = (0..<vector).map { index in
      SystemCall(
        .pread64, UInt64(descriptor), UInt64(UInt(bitPattern: unsafe memory + index * block)), UInt64(block),
        UInt64(index * block))
    }
    var completions: [Completion] = []
    completions.reserveCapacity(vector)
    var bytes: Int64 = 0
    let time = try nanoseconds(each: vector * vectors) {
      for round in 0..<vectors {
        for index in 0..<vector { calls[index].cookie = UInt64(round * vector + index) }
        try Asys.submit(calls)
        completions.removeAll(keepingCapacity: true)
        try Asys.awaitCompletions(minimum: vector, into: &completions)
        for completion in completions { bytes += completion.result }
      }
    }
    guard bytes == Int64(vector * vectors * block) else { throw BenchmarkError("only \(bytes) bytes were read") }
    report(["ns": time])
  }
}
