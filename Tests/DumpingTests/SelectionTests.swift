// Which fibrils are chosen, in which order, and which are merged.
import Foundation
import GoldenFiles
import Testing
import TraceEvents

@testable import Dumping

@Suite struct SelectionTests {
  private typealias F = FibrilSnapshot

  /// 1 runs, 2 is runnable, 3 to 6 are blocked, 7 is dead; those of even id belong to task 2.
  private var process: FakeProcess {
    var fibrils = [
      FibrilSnapshot(fibril: 1, task: 1, state: .running), FibrilSnapshot(fibril: 2, task: 2, state: .runnable),
      F.blocked(3, on: .wakeTarget, seconds: 5), F.blocked(4, on: .sleep, 1_000_000_000, task: 2, seconds: 1),
      F.blocked(5, on: .receive, 0x50, seconds: 9), F.blocked(6, on: .receive, 0x60, task: 2, seconds: 2),
      FibrilSnapshot(fibril: 7, task: 1, state: .dead),
    ]
    for index in fibrils.indices { fibrils[index].name = UInt32(index + 1) }
    var process = FakeProcess(fibrils)
    process.names += ["main", "worker-1", "worker-2", "worker-3", "reader[1]", "reader\u{1b}", "late"]
    return process
  }

  private func ids(_ change: (inout Selection) -> Void) -> [UInt64] {
    var selection = Selection()
    change(&selection)
    let dump = ProcessDump(of: process)
    return selection.choose(from: dump, FibrilText(dump).names).map { dump.fibrils[$0].snapshot.fibril }
  }

  @Test func eachConditionAndAllTogether() {
    #expect(ids { _ in } == [1, 3, 5, 7, 2, 4, 6])
    #expect(ids { $0.states = [.blocked] } == [3, 5, 4, 6])
    #expect(ids { $0.states = [.running, .dead] } == [1, 7])
    #expect(ids { $0.minimumAge = 2_000_000_000 } == [3, 5, 6])
    #expect(ids { $0.minimumAge = 2_000_000_001 } == [3, 5])
    #expect(ids { $0.names = ["worker-*"] } == [3, 2, 4])
    #expect(ids { $0.names = ["worker-?", "late"] } == [3, 7, 2, 4])
    #expect(ids { $0.names = ["worker"] } == [])
    #expect(ids { $0.names = ["reader\\[1\\]"] } == [5])
    #expect(ids { $0.fibrils = [6, 3, 99] } == [3, 6])
    #expect(ids { $0.threads = [5002] } == [2, 4, 6])
    #expect(ids { $0.threads = [4711] } == [])
    #expect(ids { ($0.states, $0.names, $0.threads) = ([.blocked], ["worker-*"], [5002]) } == [4])
  }

  @Test func orders() {
    #expect(ids { $0.order = .id } == [1, 2, 3, 4, 5, 6, 7])
    #expect(ids { $0.order = .age } == [5, 3, 6, 4, 1, 7, 2])
  }

  /// Same state, same kind of reason, same stack.
  @Test func whatIsMerged() {
    var fibrils = (UInt64(1)...9).map { F.blocked($0, on: .mutex, 0x10 * $0, owner: 100) }
    fibrils[8].reason = .semaphore
    fibrils[7].changedWhileRead = true
    fibrils.append(FibrilSnapshot(fibril: 100, task: 1, state: .runnable))
    let dump = ProcessDump(of: FakeProcess(fibrils))
    let groups = FibrilGroup.merge(Array(dump.fibrils.indices), dump, .task)
    #expect(
      groups.map { $0.members.map { dump.fibrils[$0].snapshot.fibril } } == [[1, 2, 3, 4, 5, 6, 7], [8], [9], [100]])
  }

  @Test func callsAreMergedByTheirNumber() {
    let fibrils = (UInt64(1)...6).map { id in
      var fibril = F.blocked(id, on: .call, id % 2)
      (fibril.isCall, fibril.call, fibril.arguments) = (true, UInt32(id % 2), [id, 0, 0, 0, 0, 0])
      return fibril
    }
    let dump = ProcessDump(of: FakeProcess(fibrils))
    #expect(FibrilGroup.merge(Array(dump.fibrils.indices), dump, .task).map(\.members) == [[0, 2, 4], [1, 3, 5]])
  }

  @Test func theyAreTold() throws {
    #expect(try GoldenFile("states.txt", in: .module).difference(to: process.text(.text)) == nil)
    #expect(try GoldenFile("states-compact.txt", in: .module).difference(to: process.text(.compact)) == nil)
    #expect(try GoldenFile("states-counts.txt", in: .module).difference(to: process.text(.counts)) == nil)
    var selection = Selection()
    selection.states = [.blocked]
    #expect(
      try GoldenFile("states-counts-blocked.txt", in: .module).difference(to: process.text(.counts, selection)) == nil)
  }
}
