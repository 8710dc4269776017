// How a trace is made, and what it leaves out, as the command line spells it.
internal import ArgumentParser
internal import BPFLoader
internal import TraceEvents

enum TraceMode: String, ExpressibleByArgument, CaseIterable {
  case batch
  case precise
}

/// Kinds of events, with commas between.
struct EventKinds: ExpressibleByArgument {
  var kinds: Set<PreciseSession.Kind> = []

  init?(argument: String) {
    for word in argument.split(separator: ",", omittingEmptySubsequences: false) {
      guard let kind = PreciseSession.Kind(rawValue: String(word)) else { return nil }
      kinds.insert(kind)
    }
  }

  static let all = PreciseSession.Kind.allCases.map(\.rawValue).joined(separator: ", ")
}

/// Reasons to block, with commas between.
struct BlockReasons: ExpressibleByArgument {
  var reasons: Set<BlockReason> = []

  init?(argument: String) {
    for word in argument.split(separator: ",", omittingEmptySubsequences: false) {
      guard let reason = Self.named(word) else { return nil }
      reasons.insert(reason)
    }
  }

  static func named(_ name: Substring) -> BlockReason? { names.first { $0.name == name }?.reason }

  private static let names: [(name: String, reason: BlockReason)] = [
    ("call", .call), ("wake-target", .wakeTarget), ("join", .join), ("completions", .completions), ("sleep", .sleep),
    ("mutex", .mutex), ("semaphore", .semaphore), ("condition", .condition), ("send", .send), ("receive", .receive),
  ]

  static let all = names.map(\.name).joined(separator: ", ")
}
