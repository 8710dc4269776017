// Fibrils that do the same at the same place, merged: ten thousand idle readers are one entry.
internal import TraceEvents

/// Fibrils with equal stacks that are in the same state for the same kind of reason.
struct FibrilGroup {
  let kind: WaitKind
  /// Indices of the dump's fibrils, in the order they were given; one at least.
  var members: [Int]

  private struct Key: Hashable {
    let kind: WaitKind
    /// The number of its backtrace; -1: none. What runs is like nothing else: below -1.
    let place: Int
  }

  /// The largest first, then as given; by age: the group with the oldest fibril first.
  static func merge(_ chosen: [Int], _ dump: ProcessDump, _ order: Selection.Order) -> [FibrilGroup] {
    var groups: [FibrilGroup] = []
    var numbers: [Key: Int] = [:]
    let fibrils = dump.fibrils
    for index in chosen {
      let place =
        switch fibrils[index].stack {
        case .parked(let backtrace): backtrace
        case nil where !fibrils[index].snapshot.changedWhileRead: -1
        default: -2 - index
        }
      let key = Key(kind: WaitKind(fibrils[index].snapshot), place: place)
      if let number = numbers[key] {
        groups[number].members.append(index)
      } else {
        numbers[key] = groups.count
        groups.append(FibrilGroup(kind: key.kind, members: [index]))
      }
    }
    guard order == .task else { return groups }
    return groups.enumerated().sorted {
      ($1.element.members.count, $0.offset) < ($0.element.members.count, $1.offset)
    }.map(\.element)
  }
}
