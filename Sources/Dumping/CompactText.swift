// The dump with equal fibrils merged, the most frequent first.
internal import TraceEvents

/// Renders one process's dump in short.
struct CompactText {
  let fibrils: FibrilText
  private let dump: ProcessDump

  init(fibrils: FibrilText) {
    self.fibrils = fibrils
    dump = fibrils.dump
  }

  /// So many ids and kinds of names are written out; the rest is counted.
  private static let listed = 5

  func append(_ chosen: [Int], _ order: Selection.Order, to text: inout ByteText) {
    DumpHeader(fibrils: fibrils).append(shown: chosen.count, withStacks: true, to: &text)
    let groups = FibrilGroup.merge(chosen, dump, order)
    text.append(count: chosen.count, of: "fibril")
    text.append(" in ")
    text.append(count: groups.count, of: "group")
    text.append(" with equal stacks:\n")
    for group in groups {
      if group.members.count == 1 {
        fibrils.append(group.members[0], to: &text)
      } else {
        append(group, to: &text)
      }
    }
  }

  private func append(_ group: FibrilGroup, to text: inout ByteText) {
    let members = group.members
    let start = text.bytes.count
    text.append("fibrils:")
    text.append(count: members.count)
    text.pad(from: start, to: 23)
    text.append("state:")
    text.append(FibrilText.letter(of: dump.fibrils[members[0]]))
    text.append(" age:")
    appendAges(members, to: &text)
    let wait = group.kind.waitWord
    text.append(" ")
    text.append(own: wait.isEmpty ? WaitKind.word(of: group.kind.state) : wait)
    text.append("\n names: ")
    appendNames(members, to: &text)
    text.append("\n ids: ")
    for (index, member) in members.prefix(Self.listed).enumerated() {
      if index > 0 { text.append(", ") }
      text.append(decimal: dump.fibrils[member].snapshot.fibril)
    }
    appendOthers(members.count - Self.listed, to: &text)
    let tasks = Set(members.map { dump.fibrils[$0].snapshot.task }).sorted()
    text.append(tasks.count == 1 ? "; task: " : "; tasks: ")
    for (index, task) in tasks.prefix(Self.listed).enumerated() {
      if index > 0 { text.append(", ") }
      text.append(decimal: task)
    }
    appendOthers(tasks.count - Self.listed, to: &text)
    text.append("\n")
    appendOldest(members, to: &text)
    fibrils.appendStack(dump.fibrils[members[0]], to: &text)
  }

  private func appendOthers(_ count: Int, to text: inout ByteText) {
    guard count > 0 else { return }
    text.append(" and ")
    text.append(count: count, of: "other")
  }

  private func appendAges(_ members: [Int], to text: inout ByteText) {
    let ages = members.compactMap { dump.age(of: dump.fibrils[$0].snapshot) }
    guard let youngest = ages.min(), let oldest = ages.max() else { return text.append("-") }
    text.append(seconds: youngest)
    guard youngest < oldest else { return }
    text.append("..")
    text.append(seconds: oldest)
  }

  /// `worker-0 and 9,998 alike, root`: names that differ in their digits only are alike.
  private func appendNames(_ members: [Int], to text: inout ByteText) {
    var kinds: [[UInt8]: (first: String, count: Int)] = [:]
    for member in members {
      let name = fibrils.names.name(of: dump.fibrils[member].snapshot)
      kinds[Self.withoutDigits(name), default: (name, 0)].count += 1
    }
    let sorted = kinds.values.sorted { ($1.count, $0.first) < ($0.count, $1.first) }
    for (index, kind) in sorted.prefix(Self.listed).enumerated() {
      if index > 0 { text.append(", ") }
      text.append(foreign: kind.first)
      guard kind.count > 1 else { continue }
      text.append(" and ")
      text.append(count: kind.count - 1)
      text.append(" alike")
    }
    appendOthers(sorted.dropFirst(Self.listed).reduce(0) { $0 + $1.count }, to: &text)
  }

  /// A run of digits counts as one.
  private static func withoutDigits(_ name: String) -> [UInt8] {
    let zero = UInt8(ascii: "0")
    var result: [UInt8] = []
    for byte in name.utf8 {
      let kept = (zero...UInt8(ascii: "9")).contains(byte) ? zero : byte
      if kept != zero || result.last != zero { result.append(kept) }
    }
    return result
  }

  private func appendOldest(_ members: [Int], to text: inout ByteText) {
    let known = members.lazy.filter { dump.fibrils[$0].snapshot.since > 0 }
    guard let index = known.min(by: { dump.fibrils[$0].snapshot.since < dump.fibrils[$1].snapshot.since }) else {
      return
    }
    let oldest = dump.fibrils[index]
    text.append(" the oldest: ")
    fibrils.names.append(oldest.snapshot.fibril, to: &text)
    text.append(", ")
    fibrils.appendDoing(oldest, to: &text)
    text.append("\n")
  }
}
