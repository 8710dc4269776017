// Deadlocks and who blocks whom, as a dump tells them, and cycles that are none.
import Foundation
import GoldenFiles
import Testing
import TraceEvents

@testable import Dumping

@Suite struct WaitCycleTests {
  private typealias F = FibrilSnapshot

  private func circle() -> FakeProcess {
    var first = F.blocked(2, on: .mutex, 0xb0, owner: 3, seconds: 3)
    first.name = 1
    var process = FakeProcess([
      first, F.blocked(3, on: .mutex, 0xc0, owner: 4, task: 2, seconds: 2),
      F.blocked(4, on: .mutex, 0xa0, owner: 2, seconds: 2), F.blocked(5, on: .mutex, 0xa0, owner: 2),
    ])
    process.names.append("writer")
    return process
  }

  @Test func aDeadlockIsToldFirst() throws {
    #expect(try GoldenFile("deadlock.txt", in: .module).difference(to: circle().text(.text)) == nil)
  }

  @Test func whoBlocksWhom() throws {
    var behindThread = F.blocked(30, on: .mutex, 0xd0)
    behindThread.ownerThread = 77
    var fibrils = [FibrilSnapshot(fibril: 1, task: 1, state: .runnable), behindThread]
    fibrils += (10..<20).map { F.blocked($0, on: .mutex, 0xb0, owner: $0 == 10 ? 1 : 10) }
    fibrils.append(F.blocked(31, on: .join, 99))
    #expect(try GoldenFile("blocked-behind.txt", in: .module).difference(to: FakeProcess(fibrils).text(.text)) == nil)
    #expect(
      try GoldenFile("blocked-behind-compact.txt", in: .module).difference(to: FakeProcess(fibrils).text(.compact))
        == nil)
    #expect(
      try GoldenFile("blocked-behind-counts.txt", in: .module).difference(to: FakeProcess(fibrils).text(.counts)) == nil
    )
  }

  @Test func whatIsNotCertainIsNotTold() {
    var process = circle()
    process.isSteady = false
    #expect(ProcessDump(of: process).waits.cycles.isEmpty)
    process.isSteady = true
    process.askedFor = [4]
    #expect(ProcessDump(of: process).waits.cycles.isEmpty)
    process.askedFor = [5]
    #expect(ProcessDump(of: process).waits.cycles.map(\.end) == [.never])
  }

  @Test func aCycleThatEndsByItselfIsNoDeadlock() {
    var process = circle()
    process.fibrils[1].deadline = fakeTime + 1_500_000_000
    #expect(ProcessDump(of: process).waits.cycles.map(\.end) == [.deadline(fakeTime + 1_500_000_000)])
    let text = process.text(.text)
    #expect(!text.contains("deadlock"))
    #expect(
      text.contains("NOTE: 3 fibrils wait for each other in a circle; it ends with the first deadline, in 1.500s\n"))
    process.fibrils[1].deadline = 0
    process.cancelled = [4]
    #expect(ProcessDump(of: process).waits.cycles.map(\.end) == [.cancelled])
    #expect(!process.text(.text).contains("deadlock"))
  }

  @Test func aCycleOfThousandsIsNotWrittenOut() {
    let count: UInt64 = 5000
    let process = FakeProcess((1...count).map { F.blocked($0, on: .mutex, 0x1000 + $0, owner: $0 % count + 1) })
    let text = process.text(.counts)
    #expect(text.contains("WARNING: deadlock of 5,000 fibrils") && text.contains("\n and 4,984 more fibrils\n"))
    #expect(text.utf8.count < 5000)
  }
}
