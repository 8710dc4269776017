// Who waits for whom: cycles, chains, and what is no cycle.
import Testing
import TraceEvents

@testable import Dumping

@Suite struct WaitGraphTests {
  private typealias F = FibrilSnapshot

  /// Fibrils by id, which each wait for a mutex that the next one in the list holds; nil: for nothing.
  private func chain(_ owners: [(id: UInt64, owner: UInt64?)]) -> [FibrilSnapshot] {
    owners.map { id, owner in
      guard let owner else { return FibrilSnapshot(fibril: id, task: 1, state: .runnable) }
      return .blocked(id, on: .mutex, 0x1000 + owner, owner: owner)
    }
  }

  @Test func threeMutexes() {
    let graph = WaitGraph(chain([(1, nil), (2, 3), (3, 4), (4, 2), (5, 2), (6, 5), (7, 1)]))
    #expect(graph.cycles == [.init(members: [1, 2, 3], waiters: 2)])
    #expect(graph.roots == [.init(holder: .fibril(1), waiters: 1)])
    #expect(graph.waiters == [1, 0, 0, 0, 1, 0, 0])
  }

  @Test func twoCyclesAndATree() {
    let graph = WaitGraph(
      chain([(1, 2), (2, 1), (10, 11), (11, 12), (12, 10), (20, nil), (21, 20), (22, 21), (23, 20)]))
    #expect(graph.cycles.map(\.members) == [[0, 1], [2, 3, 4]])
    #expect(graph.roots == [.init(holder: .fibril(20), waiters: 3)])
    #expect(graph.waiters == [0, 0, 0, 0, 0, 3, 1, 0, 0])
  }

  @Test func joins() {
    let graph = WaitGraph([F.blocked(1, on: .join, 2), F.blocked(2, on: .join, 1), F.blocked(3, on: .join)])
    #expect(graph.cycles.map(\.members) == [[0, 1]] && graph.roots == [])
    let alone = WaitGraph([F.blocked(1, on: .join, 1)])
    #expect(alone.cycles == [.init(members: [0], waiters: 0)])
    let mixed = WaitGraph([F.blocked(1, on: .join, 2), F.blocked(2, on: .mutex, 0x10, owner: 1)])
    #expect(mixed.cycles.map(\.members) == [[0, 1]])
  }

  /// Whom the table does not have may run, and so may a thread.
  @Test func holdersFromElsewhere() {
    var behindThread = F.blocked(1, on: .mutex, 0x10)
    behindThread.ownerThread = 77
    let graph = WaitGraph([
      behindThread, F.blocked(2, on: .mutex, 0x20, owner: 1), F.blocked(3, on: .mutex, 0x30, owner: 9),
    ])
    #expect(graph.cycles == [])
    #expect(graph.roots == [.init(holder: .thread(77), waiters: 2), .init(holder: .fibril(9), waiters: 1)])
  }

  /// A lock that has just been handed to who waits for it is no wait for oneself.
  @Test func aLockThatWasHandedOver() {
    let graph = WaitGraph([F.blocked(1, on: .mutex, 0x10, owner: 1), F.blocked(2, on: .mutex, 0x10, owner: 1)])
    #expect(graph.cycles == [] && graph.roots == [.init(holder: .fibril(1), waiters: 1)])
  }

  @Test(arguments: [FibrilState.running, .runnable, .dead])
  func anOwnerThatIsNotBlockedIsInNoCycle(state: FibrilState) {
    var fibrils = chain([(1, 2), (2, 3), (3, 1)])
    fibrils[1].state = state
    #expect(WaitGraph(fibrils).cycles == [])
    fibrils[1].state = .blocked
    #expect(WaitGraph(fibrils).cycles.count == 1)
    fibrils[1].changedWhileRead = true
    #expect(WaitGraph(fibrils).cycles == [])
  }

  @Test func longChainsAndCycles() {
    let count: UInt64 = 100_000
    let open = WaitGraph(chain((1...count).map { ($0, $0 == count ? nil : $0 + 1) }))
    #expect(open.cycles == [] && open.roots == [.init(holder: .fibril(count), waiters: Int(count) - 1)])
    #expect(open.waiters == Array(0..<Int(count)))
    let closed = WaitGraph(chain((1...count).map { ($0, $0 == count ? 1 : $0 + 1) }))
    #expect(closed.cycles == [.init(members: Array(0..<Int(count)), waiters: 0)] && closed.roots == [])
    let star = WaitGraph(chain((1...count).map { ($0, $0 == 1 ? nil : 1) }))
    #expect(star.roots == [.init(holder: .fibril(1), waiters: Int(count) - 1)])
  }

  /// Against counting by hand, for every graph of four fibrils, of which some wait for nobody.
  @Test func allSmallGraphs() {
    for code in 0..<625 {
      let targets = (0..<4).map { place in code / [1, 5, 25, 125][place] % 5 }
      let graph = WaitGraph(
        chain(targets.enumerated().map { (UInt64($0 + 1), $1 == 4 || $1 == $0 ? nil : UInt64($1 + 1)) }))
      func next(_ node: Int) -> Int? { targets[node] == 4 || targets[node] == node ? nil : targets[node] }
      func path(_ node: Int) -> [Int] {
        var path: [Int] = []
        var node = next(node)
        while let there = node, !path.contains(there) {
          path.append(there)
          node = next(there)
        }
        return path
      }
      let inCycle = Set((0..<4).filter { path($0).contains($0) })
      #expect(Set(graph.cycles.flatMap(\.members)) == inCycle, "\(targets)")
      for node in 0..<4 where !inCycle.contains(node) {
        #expect(graph.waiters[node] == (0..<4).count { $0 != node && path($0).contains(node) }, "\(targets)")
      }
      #expect(
        graph.cycles.map(\.waiters).reduce(0, +) + graph.roots.map(\.waiters).reduce(0, +)
          == (0..<4).count { !inCycle.contains($0) && next($0) != nil }, "\(targets)")
    }
  }
}
