// What `--on` waits for, as the command line spells it.
internal import ArgumentParser
internal import FlightRecorder
internal import TraceEvents

/// A condition such as `runq>5ms`, `blocked>1s`, `blocked:mutex>1s` or `hog>25ms`.
struct TriggerArgument: ExpressibleByArgument {
  var trigger: Trigger

  init?(argument: String) {
    let sides = argument.split(separator: ">", maxSplits: 1, omittingEmptySubsequences: false)
    guard sides.count == 2, let threshold = DurationArgument(argument: String(sides[1])) else { return nil }
    let words = sides[0].split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
    guard let kind = Trigger.Kind(rawValue: String(words[0])) else { return nil }
    var reason: BlockReason?
    if words.count == 2 {
      guard kind == .blocked, let named = BlockReasons.named(words[1]) else { return nil }
      reason = named
    }
    trigger = Trigger(kind, reason: reason, longerThan: threshold.nanoseconds, description: argument)
  }

  static let help = """
    such as runq>5ms, hog>25ms, blocked>1s or blocked:mutex>1s
    """
}

/// How much a flight recorder keeps: a stretch of time or a size.
enum KeepArgument: ExpressibleByArgument {
  /// Nanoseconds.
  case time(UInt64)
  case bytes(Int)

  init?(argument: String) {
    if argument.hasSuffix("B"), let size = SizeArgument(argument: argument) {
      self = .bytes(Int(size.bytes))
    } else if let time = DurationArgument(argument: argument) {
      self = .time(time.nanoseconds)
    } else {
      return nil
    }
  }

  var capacity: FlightRecorder.Capacity {
    switch self {
    case .time(let nanoseconds): .time(nanoseconds)
    case .bytes(let count): .bytes(count)
    }
  }
}
