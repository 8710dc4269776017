// What a fibril waits for, in words.
import Testing
import TraceEvents

@testable import Dumping
import Texts

@Suite struct WaitTextTests {
  static let now: UInt64 = 100_000_000_000

  private func words(_ reason: BlockReason, _ change: (inout FibrilSnapshot) -> Void = { _ in }) -> String {
    var process = ProcessSnapshot(processID: 1, command: "x", ident: 1, time: Self.now, runtime: "r")
    for (task, queue) in [(UInt64(1), UInt64(0)), (2, 3)] {
      var snapshot = TaskSnapshot(
        task: task, threadID: 1, running: 0, root: 1, runnable: 0, nextNumber: 0, counts: EventCounts())
      snapshot.helperQueue = queue
      process.tasks.append(snapshot)
    }
    var fibril = FibrilSnapshot(fibril: 9, task: 1, state: .blocked)
    fibril.reason = reason
    change(&fibril)
    var text = ByteText()
    WaitText(process) { $0 == 17 ? "writer\u{1b}" : "" }.append(fibril, [], to: &text)
    return String(decoding: text.bytes, as: UTF8.self)
  }

  @Test func everyReason() {
    #expect(words(.wakeTarget) == "to be woken")
    #expect(words(.completions) == "completions")
    #expect(words(.join) == "join all")
    #expect(words(.join) { $0.object = 17 } == "join fibril 17 \"writer\u{fffd}\"")
    #expect(words(.semaphore) { $0.object = 0x10 } == "semaphore 0x10")
    #expect(words(.condition) { $0.object = 0x10 } == "condition 0x10")
    #expect(words(.send) { $0.object = 0x10 } == "send to channel 0x10")
    #expect(words(.receive) { $0.object = 0x10 } == "receive from channel 0x10")
    #expect(words(BlockReason(rawValue: 99)) { $0.object = 1 } == "blocked for reason 99, object 0x1")
  }

  @Test func whoHoldsALock() {
    #expect(words(.mutex) { ($0.object, $0.owner) = (0xa0, 17) } == "mutex 0xa0 held by fibril 17 \"writer\u{fffd}\"")
    #expect(words(.mutex) { ($0.object, $0.owner) = (0xa0, 4) } == "mutex 0xa0 held by fibril 4")
    #expect(words(.mutex) { ($0.object, $0.ownerThread) = (0xa0, 123) } == "mutex 0xa0 held by thread 123")
    #expect(words(.mutex) { $0.object = 0xa0 } == "mutex 0xa0 held by nobody known")
  }

  @Test func untilWhen() {
    #expect(words(.sleep) { $0.deadline = Self.now + 1_250_000_000 } == "sleep 1.2 s left")
    #expect(words(.sleep) { $0.deadline = Self.now + 45_900_000 } == "sleep 0.045 s left")
    #expect(words(.sleep) { $0.deadline = Self.now - 2_000_000_000 } == "sleep over for 2.0 s")
    #expect(words(.sleep) { $0.object = 60_000_000_000 } == "sleep of 60.0 s")
    #expect(words(.wakeTarget) { $0.deadline = .max } == "to be woken, 18446743973.7 s left")
    #expect(words(.receive) { $0.deadline = 1 } == "receive from channel 0x0, due for 99.9 s")
  }

  @Test func calls() {
    let close = CallCase.numbers["close"]!
    #expect(words(.call) { ($0.call, $0.arguments) = (close, [3, 0, 0, 0, 0, 0]) } == "close(3)")
    // The entry says which call, but not with what.
    #expect(words(.call) { $0.object = UInt64(close) } == "close(...)")
    #expect(words(.call) { ($0.object, $0.onHelper) = (UInt64(close), true) } == "close(...), on a helper thread")
    #expect(
      words(.call) { ($0.object, $0.onHelper, $0.task) = (UInt64(close), true, 2) }
        == "close(...), on a helper thread or waiting for one")
    #expect(
      words(.call) { ($0.object, $0.deadline) = (.max, Self.now) } == "system call 4294967295(...), due for 0.000 s")
  }
}
