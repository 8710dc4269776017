// Deadlocks and who holds up the others, in words: in lockdep's manner, ahead of everything else.
internal import Inspection
internal import TraceEvents
internal import Texts

/// Renders what is known of who waits for whom.
struct CycleText {
  let fibrils: FibrilText
  private var dump: ProcessDump { fibrils.dump }

  /// Of longer cycles only so many members are shown.
  private static let membersShown = 16
  private static let rootsShown = 10

  /// All deadlocks, with their members' stacks or without; then cycles that may end by themselves.
  func appendCycles(withStacks: Bool, to text: inout ByteText) {
    for cycle in dump.waits.cycles {
      if cycle.end == .never {
        text.append("======================================================\n")
        text.append("WARNING: deadlock of ")
        text.append(count: cycle.members.count, of: "fibril")
        text.append(cycle.members.count == 1 ? ", which waits for itself\n" : " that wait for each other in a circle\n")
        text.append("------------------------------------------------------\n")
        appendMembers(of: cycle, to: &text)
        if withStacks {
          for index in cycle.members.prefix(Self.membersShown) { fibrils.append(index, to: &text) }
        }
        text.append("======================================================\n")
      } else {
        text.append("NOTE: ")
        text.append(count: cycle.members.count, of: "fibril")
        text.append(cycle.members.count == 1 ? " waits for itself; " : " wait for each other in a circle; ")
        appendEnd(of: cycle, to: &text)
        appendMembers(of: cycle, to: &text)
      }
    }
  }

  private func appendEnd(of cycle: WaitCycle, to text: inout ByteText) {
    switch cycle.end {
    case .never: break
    case .cancelled: text.append("one of them was cancelled, which may end it\n")
    case .deadline(let deadline) where deadline > dump.process.time:
      text.append("it ends with the first deadline, in ")
      text.append(seconds: deadline - dump.process.time)
      text.append("\n")
    case .deadline: text.append("it ends with the first deadline, which has passed\n")
    }
  }

  private func appendMembers(of cycle: WaitCycle, to text: inout ByteText) {
    let members = cycle.members.map { dump.fibrils[$0].snapshot }
    for (place, member) in members.enumerated().prefix(Self.membersShown) {
      let before = members[place == 0 ? members.count - 1 : place - 1]
      text.append(" ")
      fibrils.names.append(member.fibril, to: &text)
      text.append(" of task ")
      text.append(decimal: member.task)
      if before.reason == .mutex {
        text.append(" holds mutex ")
        text.append(hexadecimal: before.object)
        text.append(", and")
      }
      if let age = dump.age(of: member) {
        text.append(" has waited ")
        text.append(seconds: age)
        text.append(" ")
      } else {
        text.append(" waits ")
      }
      if member.reason == .mutex {
        text.append("for mutex ")
        text.append(hexadecimal: member.object)
      } else {
        text.append("for the end of ")
        fibrils.names.append(member.object, to: &text)
      }
      text.append("\n")
    }
    if members.count > Self.membersShown {
      text.append(" and ")
      text.append(count: members.count - Self.membersShown, of: "more fibril")
      text.append("\n")
    }
    appendOrder(of: members, to: &text)
    guard cycle.waiters > 0 else { return }
    text.append(" blocks ")
    text.append(count: cycle.waiters, of: "other")
    text.append("\n")
  }

  /// Who holds one lock and waits for another took them in this order.
  private func appendOrder(of members: [FibrilSnapshot], to text: inout ByteText) {
    guard members.count > 1, members.count <= Self.membersShown, members.allSatisfy({ $0.reason == .mutex }) else {
      return
    }
    text.append(" locks were taken in the order ")
    text.append(hexadecimal: members[members.count - 1].object)
    for member in members {
      text.append(" -> ")
      text.append(hexadecimal: member.object)
    }
    text.append("\n")
  }

  /// Who waits for nobody, but is waited for: where to look first.
  func appendRoots(to text: inout ByteText) {
    let roots = dump.waits.roots
    guard !roots.isEmpty else { return }
    text.append("Blocked behind:\n")
    for root in roots.prefix(Self.rootsShown) {
      text.append(" ")
      text.append(count: root.waiters, of: "fibril")
      text.append(" behind ")
      switch root.holder {
      case .thread(let thread):
        text.append("thread ")
        text.append(decimal: UInt64(thread))
        text.append(", which runs no fibrils")
      case .fibril(let id):
        fibrils.names.append(id, to: &text)
        if let holder = fibrils.names.fibril(id) {
          text.append(" of task ")
          text.append(decimal: holder.snapshot.task)
          text.append(": ")
          fibrils.appendDoing(holder, to: &text)
        } else {
          text.append(", which the table did not have: it had ended, or not begun")
        }
      }
      text.append("\n")
    }
    guard roots.count > Self.rootsShown else { return }
    text.append(" and behind ")
    text.append(count: roots.count - Self.rootsShown, of: "other")
    text.append("\n")
  }
}
