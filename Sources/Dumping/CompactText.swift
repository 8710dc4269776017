// The dump with equal fibrils merged, the most frequent first.
internal import TraceEvents
internal import Texts

/// Renders one process's dump in short.
struct CompactText {
  let fibrils: FibrilText
  private var dump: ProcessDump { fibrils.dump }

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
    // No fibril is copied: there may be a hundred thousand.
    let all = dump.fibrils
    let members = group.members
    let start = text.bytes.count
    text.append("fibrils:")
    text.append(count: members.count)
    text.pad(from: start, to: 23)
    text.append("state:")
    text.append(FibrilText.letter(of: all[members[0]]))
    text.append(" age:")
    let oldest = appendAges(members, all, to: &text)
    let wait = group.kind.waitWord
    text.append(" ")
    text.append(own: wait.isEmpty ? WaitKind.word(of: group.kind.state) : wait)
    text.append("\n names: ")
    appendNames(members, all, to: &text)
    text.append("\n ids: ")
    for (place, index) in members.prefix(Self.listed).enumerated() {
      if place > 0 { text.append(", ") }
      text.append(decimal: all[index].snapshot.fibril)
    }
    appendOthers(members.count - Self.listed, to: &text)
    let tasks = members.reduce(into: Set<UInt64>()) { $0.insert(all[$1].snapshot.task) }.sorted()
    text.append(tasks.count == 1 ? "; task: " : "; tasks: ")
    for (place, task) in tasks.prefix(Self.listed).enumerated() {
      if place > 0 { text.append(", ") }
      text.append(decimal: task)
    }
    appendOthers(tasks.count - Self.listed, to: &text)
    text.append("\n")
    if let oldest { appendOldest(all[oldest], to: &text) }
    fibrils.appendStack(all[members[0]], to: &text)
  }

  private func appendOthers(_ count: Int, to text: inout ByteText) {
    guard count > 0 else { return }
    text.append(" and ")
    text.append(count: count, of: "other")
  }

  /// The youngest and the oldest age. Returns which fibril is the oldest.
  private func appendAges(_ members: [Int], _ all: [DumpedFibril], to text: inout ByteText) -> Int? {
    var oldest: Int?
    var youngest: Int?
    for index in members where all[index].snapshot.since > 0 {
      let since = all[index].snapshot.since
      if oldest == nil || since < all[oldest!].snapshot.since { oldest = index }
      if youngest == nil || since > all[youngest!].snapshot.since { youngest = index }
    }
    guard let oldest, let youngest, let low = dump.age(of: all[youngest].snapshot),
      let high = dump.age(of: all[oldest].snapshot)
    else {
      text.append("-")
      return nil
    }
    text.append(seconds: low)
    if low < high {
      text.append("..")
      text.append(seconds: high)
    }
    return oldest
  }

  /// `worker-0 and 9,998 alike, root`: names that differ in their digits only are alike.
  private func appendNames(_ members: [Int], _ all: [DumpedFibril], to text: inout ByteText) {
    var kinds: [[UInt8]: (first: String, count: Int)] = [:]
    for index in members {
      let name = fibrils.names.name(of: all[index].snapshot)
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

  private func appendOldest(_ oldest: DumpedFibril, to text: inout ByteText) {
    text.append(" the oldest: ")
    fibrils.names.append(oldest.snapshot.fibril, to: &text)
    text.append(", ")
    fibrils.appendDoing(oldest, to: &text)
    text.append("\n")
  }
}
