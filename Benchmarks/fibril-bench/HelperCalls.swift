import ArgumentParser
import Fibril
import Glibc

/// Calls that only a helper thread can make, so many always in flight. The call itself (`flock` to unlock
/// what is not locked) does next to nothing.
struct HelperCalls: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "helper-calls", abstract: "Nanoseconds a call by a helper thread.")

  @Option(help: "Calls in flight.")
  var inFlight = 16

  @Option(help: "How many calls.")
  var calls = 200_000

  func run() throws {
    let task = try FibrilTask()
    let descriptor = unsafe open("/", O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { throw BenchmarkError(cannot: "open /") }
    let call = SystemCall(.flock, UInt64(descriptor), UInt64(LOCK_UN))
    let each = calls / inFlight
    let failures = UnsafeMutablePointer<Int>.allocate(capacity: 1)
    defer { unsafe failures.deallocate() }
    unsafe failures.initialize(to: 0)
    let time = try nanoseconds(each: each * inFlight) {
      for _ in 0..<inFlight {
        try task.spawn {
          for _ in 0..<each {
            do { _ = try Asys.call(call) } catch { unsafe failures.pointee += 1 }
          }
        }
      }
      task.joinAll()
    }
    let failed = unsafe failures.pointee
    guard failed == 0 else { throw BenchmarkError("\(failed) calls failed") }
    report(["ns": time])
  }
}
