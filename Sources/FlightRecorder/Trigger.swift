// What a flight recorder waits for: a fibril that did one thing for too long.

public import Exporters
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
  /// Of the process, by its number in the recording.
  public var process: Int
  /// The fibril, its task, and how long so far.
  public var slice: StateSlice
}

/// Looks for the first slice that fulfils one of some triggers. It writes nothing.
public struct TriggerWatch: Exporter {
  private let triggers: [Trigger]
  private var process = 0
  /// Hands the first one that was found to whoever holds the box, too.
  private let box: MatchBox

  /// The first match.
  public final class MatchBox {
    public internal(set) var match: TriggerMatch?
    /// Nothing has been found.
    public init() {}
  }

  /// A watch for any of `triggers`, which leaves what it finds in `box`.
  public init(_ triggers: [Trigger], box: MatchBox) {
    self.triggers = triggers
    self.box = box
  }

  public mutating func select(_ process: Int) { self.process = process }

  public mutating func consume(_ slice: StateSlice) {
    guard box.match == nil, let trigger = triggers.first(where: { $0.isFulfilled(by: slice) }) else { return }
    box.match = TriggerMatch(trigger: trigger, process: process, slice: slice)
  }

  public var failure: (any Error)? { nil }
  public mutating func announce(_ task: TaskAnnouncement) {}
  public mutating func announce(_ fibril: FibrilAnnouncement) {}
  public mutating func consume(_ slice: TaskSlice) {}
  public mutating func consume(_ slice: CallSlice) {}
  public mutating func consume(_ flow: WakeFlow) {}
  public mutating func consume(_ range: LostRange) {}
  public mutating func flush() {}
  public mutating func finalise() {}
}
