// Who waits for whom. A fibril waits for at most one other, so the graph is made of trees, each of which
// ends in somebody who waits for nobody, or in a cycle. All is found in linear time, without recursion.
internal import TraceEvents

/// Somebody whom fibrils wait for.
enum Holder: Hashable {
  /// A fibril, by its id.
  case fibril(UInt64)
  /// A thread that runs no fibrils, by its id.
  case thread(UInt32)
}

/// What fibrils wait for each other in one snapshot.
struct WaitGraph {
  /// A cycle, as indices of the fibrils: each waits for the next, the last one for the first.
  struct Cycle: Equatable {
    let members: [Int]
    /// How many others wait for members, for those that do, and so on.
    let waiters: Int
  }

  /// Somebody who waits for nobody, and how many wait for it, for those that do, and so on.
  struct Root: Equatable {
    let holder: Holder
    let waiters: Int
  }

  /// By the lowest index of a member.
  private(set) var cycles: [Cycle] = []
  /// The one with the most waiters first.
  private(set) var roots: [Root] = []
  /// How many wait for the fibril of this index, counted likewise; members of cycles have none.
  private(set) var waiters: [Int] = []

  /// A fibril's holder: who has the lock it waits for, or whose end it waits for; nil if it waits for
  /// nobody that is known.
  static func holder(of fibril: FibrilSnapshot) -> Holder? {
    guard fibril.state == .blocked, !fibril.changedWhileRead else { return nil }
    switch fibril.reason {
    // A lock that was handed to it: its wake is on the way.
    case .mutex where fibril.owner == fibril.fibril: return nil
    case .mutex where fibril.owner != 0: return .fibril(fibril.owner)
    case .mutex where fibril.ownerThread != 0: return .thread(fibril.ownerThread)
    case .join where fibril.object != 0: return .fibril(fibril.object)
    default: return nil
    }
  }

  init(_ fibrils: some RandomAccessCollection<FibrilSnapshot>) {
    let holders = fibrils.map(Self.holder)
    guard holders.contains(where: { $0 != nil }) else {
      waiters = Array(repeating: 0, count: fibrils.count)
      return
    }
    // Nodes are the fibrils, and behind them whom the table does not have.
    var nodes: [Holder] = fibrils.map { .fibril($0.fibril) }
    var indices = Dictionary(nodes.enumerated().map { ($1, $0) }, uniquingKeysWith: { first, _ in first })
    var next = [Int?](repeating: nil, count: nodes.count)
    for (index, holder) in holders.enumerated() {
      guard let holder else { continue }
      let target = indices[holder] ?? nodes.count
      if target == nodes.count {
        nodes.append(holder)
        next.append(nil)
        indices[holder] = target
      }
      next[index] = target
    }
    follow(next, nodes)
    waiters = Array(waiters.prefix(fibrils.count))
  }

  /// Takes away, again and again, whom nobody waits for. What is left are the cycles.
  private mutating func follow(_ next: [Int?], _ nodes: [Holder]) {
    waiters = Array(repeating: 0, count: nodes.count)
    var waitedFor = [Int](repeating: 0, count: nodes.count)
    for target in next { if let target { waitedFor[target] += 1 } }
    var free = nodes.indices.filter { waitedFor[$0] == 0 }
    while let node = free.popLast() {
      guard let target = next[node] else {
        if waiters[node] > 0 { roots.append(Root(holder: nodes[node], waiters: waiters[node])) }
        continue
      }
      waiters[target] += waiters[node] + 1
      waitedFor[target] -= 1
      if waitedFor[target] == 0 { free.append(target) }
    }
    roots.sort { ($1.waiters, $0.holder.number) < ($0.waiters, $1.holder.number) }
    for start in nodes.indices where waitedFor[start] > 0 {
      var members: [Int] = []
      var behind = 0
      var node = start
      while waitedFor[node] > 0 {
        waitedFor[node] = 0
        members.append(node)
        behind += waiters[node]
        waiters[node] = 0
        guard let target = next[node] else { break }
        node = target
      }
      cycles.append(Cycle(members: members, waiters: behind))
    }
  }
}

extension Holder {
  fileprivate var number: UInt64 {
    switch self {
    case .fibril(let id): id
    case .thread(let id): UInt64(id)
    }
  }
}
