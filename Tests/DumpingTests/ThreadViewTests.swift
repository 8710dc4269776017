// What a dump says of threads that run fibrils, and of what their descriptors are.
import Testing
import TraceEvents

@testable import Dumping
@testable import Inspection

@Suite struct ThreadViewTests {
  /// A fibril that runs, with a stack of its own.
  private var process: FakeProcess {
    var running = FibrilSnapshot(fibril: 7, task: 1, state: .running)
    running.stack = 0x10000..<0x20000
    return FakeProcess([running])
  }

  @Test func aThreadInASignalHandlerWithAStackOfItsOwn() {
    var process = process
    process.captures[5001] = .inKernel(
      isStopped: false, ThreadRegisters(pc: 0x1234, stackPointer: 0x90000), StackCopy(address: 0x90000, bytes: []))
    let text = process.text(.text)
    #expect(text.contains("(its thread is on another stack, such as a signal handler's)"))
    #expect(!text.contains("changed while read"))
  }

  @Test func descriptorsAreNamedOfAnyProcessThatKnowsThem() {
    var process = process
    process.descriptors[9] = "/var/log/x"
    process.captures[5001] = .inCall(
      ThreadCall(number: 0, arguments: [9, 0x7f00, 100, 0, 0, 0]), ThreadRegisters(pc: 0x1234, stackPointer: 0x18000),
      StackCopy(address: 0x18000, bytes: []))
    #expect(process.text(.text).contains("read(9</var/log/x>, 0x7f00, 100"))
  }
}
