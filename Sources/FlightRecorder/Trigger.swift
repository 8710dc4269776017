// What a flight recorder waits for: a fibril that did one thing for too long.

public import Timeline
public import TraceEvents

/// A condition such as `runq>5ms`, `blocked>1s`, `blocked:mutex>1s` or `hog>25ms`.
public struct Trigger: Equatable, Sendable, CustomStringConvertible {
  /// What a fibril does.
  public enum Kind: String, CaseIterable, Sendable {
    /// It could run and waits for its turn.
    case runq
    /// It waits for something.
    case blocked
    /// It runs and lets no other fibril of its task run.
    case hog
  }

  public var kind: Kind
  /// Of a blocked fibril, why; nil: whatever the reason.
  public var reason: BlockReason?
  /// In nanoseconds.
  public var threshold: UInt64
  /// As it was spelled.
  public let description: String

  /// A condition on fibrils that do `kind` for longer than `threshold` nanoseconds.
  public init(_ kind: Kind, reason: BlockReason? = nil, longerThan threshold: UInt64, description: String) {
    self.kind = kind
    self.reason = reason
    self.threshold = threshold
    self.description = description
  }

  /// Whether a slice fulfils it: its part within the trace counts.
  func isFulfilled(by slice: StateSlice) -> Bool {
    let state: SliceState =
      switch kind {
      case .runq: .runnable
      case .blocked: .blocked
      case .hog: .running
      }
    return slice.state == state && slice.end - min(slice.begin, slice.end) > threshold
      && (reason == nil || slice.reason == reason)
  }
}

/// What made a trigger fire.
public struct TriggerMatch: Equatable, Sendable {
  public var trigger: Trigger
  /// The fibril, its task, and how long so far.
  public var slice: StateSlice
}

/// Looks for the first slice that fulfils one of some triggers.
public struct TriggerWatch: TimelineSink {
  private let triggers: [Trigger]
  /// The first one found.
  public private(set) var match: TriggerMatch?

  /// A watch for any of `triggers`.
  public init(_ triggers: [Trigger]) { self.triggers = triggers }

  public mutating func consume(_ slice: StateSlice) {
    guard match == nil else { return }
    for trigger in triggers where trigger.isFulfilled(by: slice) {
      match = TriggerMatch(trigger: trigger, slice: slice)
      return
    }
  }

  public mutating func announce(_ task: TaskAnnouncement) {}
  public mutating func announce(_ fibril: FibrilAnnouncement) {}
  public mutating func consume(_ slice: TaskSlice) {}
  public mutating func consume(_ slice: CallSlice) {}
  public mutating func consume(_ flow: WakeFlow) {}
  public mutating func consume(_ range: LostRange) {}
}
