import ArgumentParser
import Fibril
import Glibc

/// Reads of 4 KiB at random places of a file, past the page cache, one fibril for each that is in flight.
struct RandomReads: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "random-reads", abstract: "Random 4 KiB reads a second with O_DIRECT.")

  @Argument(help: "The file, whose size is a multiple of 4 KiB.")
  var file: String

  @Option(help: "Reads in flight.")
  var depth = 32

  @Option(help: "How long to read, in seconds.")
  var seconds = 1.0

  private static let block = 4096
  /// O_DIRECT of <fcntl.h>, which Swift does not see.
  #if arch(x86_64)
    private static let direct: Int32 = 0o40000
  #elseif arch(arm64)
    private static let direct: Int32 = 0o200000
  #endif

  func run() throws {
    let descriptor = unsafe open(file, O_RDONLY | RandomReads.direct | O_CLOEXEC)
    guard descriptor >= 0 else { throw BenchmarkError(cannot: "open \(file) with O_DIRECT") }
    defer { close(descriptor) }
    var status = stat()
    guard unsafe fstat(descriptor, &status) == 0, status.st_size >= RandomReads.block else {
      throw BenchmarkError("\(file) holds no block")
    }
    let task = try FibrilTask()
    let tally = Tally(end: ContinuousClock.now + .seconds(seconds))
    let blocks = UInt64(Int(status.st_size) / RandomReads.block)
    let start = ContinuousClock.now
    for index in 0..<depth {
      try task.spawn { tally.read(descriptor, blocks: blocks, seed: UInt64(index)) }
    }
    task.joinAll()
    let time = start.duration(to: .now).components
    guard tally.failures == 0 else { throw BenchmarkError("\(tally.failures) reads failed") }
    report(["iops": Double(tally.reads) / (Double(time.seconds) + Double(time.attoseconds) / 1e18)])
  }

  private final class Tally {
    private(set) var reads = 0
    private(set) var failures = 0
    private let end: ContinuousClock.Instant

    init(end: ContinuousClock.Instant) { self.end = end }

    func read(_ descriptor: Int32, blocks: UInt64, seed: UInt64) {
      let memory = UnsafeMutableRawPointer.allocate(byteCount: block, alignment: block)
      defer { unsafe memory.deallocate() }
      var random = 0x9e37_79b9_7f4a_7c15 &* (seed + 1)
      while ContinuousClock.now < end {
        // xorshift
        random ^= random << 13
        random ^= random >> 7
        random ^= random << 17
        let call = SystemCall(
          .pread64, UInt64(descriptor), UInt64(UInt(bitPattern: memory)), UInt64(block),
          random % blocks * UInt64(block))
        if (try? Asys.call(call)) == block { reads += 1 } else { failures += 1 }
      }
    }
  }
}
