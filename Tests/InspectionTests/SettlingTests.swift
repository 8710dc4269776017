// Which fibril of a task runs, as its thread's stack pointer tells once the process stands still.
import Testing
import TraceEvents

@testable import Inspection

@Suite struct SettlingTests {
  private func fibril(_ id: UInt64, _ state: FibrilState, stack: Range<UInt64> = 0..<0) -> FibrilSnapshot {
    var fibril = FibrilSnapshot(fibril: id, task: 1, state: state)
    fibril.stack = stack
    return fibril
  }

  private func settled(_ fibrils: [FibrilSnapshot], at stackPointer: UInt64?) -> ([FibrilState], running: [Int]) {
    var snapshot = ProcessSnapshot(processID: 4711, command: "fake", ident: 1, time: 1, runtime: "Fake 1")
    snapshot.fibrils = fibrils
    let running = snapshot.settleRunning(stackPointer.map { [1: $0] } ?? [:])
    return (snapshot.fibrils.map(\.state), running)
  }

  /// Fibril 2 was switched away from and 3 switched to; or so they say.
  private var amidASwitch: [FibrilSnapshot] {
    [fibril(1, .blocked), fibril(2, .running, stack: 0x1000..<0x2000), fibril(3, .running, stack: 0x3000..<0x4000)]
  }

  @Test func theOneWhoseStackTheThreadIsOnRuns() {
    #expect(settled(amidASwitch, at: 0x1800) == ([.blocked, .running, .runnable], [1]))
    #expect(settled(amidASwitch, at: 0x3000) == ([.blocked, .runnable, .running], [2]))
    let left = [fibril(2, .blocked, stack: 0x1000..<0x2000)]
    #expect(settled(left, at: 0x1800) == ([.running], [0]))
  }

  /// Its saved context is of the time before it ran: it must not be shown as waiting there.
  @Test func aThreadOnASignalStackTellsNothing() {
    let running = [fibril(2, .running, stack: 0x1000..<0x2000)]
    #expect(settled(running, at: 0x9000) == ([.running], []))
    #expect(settled(running, at: nil) == ([.running], []))
  }
}
