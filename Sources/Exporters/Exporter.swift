// What every output format is: something that takes a timeline part by part, and then ends its file.

public import Timeline
public import TraceEvents

/// What the numbers in a process's events stand for. Both are asked for once, when they are first met.
public struct ProcessTexts {
  /// The name at an index of its name table; nil is no such name.
  public var name: (UInt32) -> String?
  /// A user stack by its id in the recording, a text a frame, the innermost first; nil is no such stack.
  public var stack: (UInt32) -> [String]?

  /// Names, and stacks if the recording has any.
  public init(name: @escaping (UInt32) -> String?, stack: @escaping (UInt32) -> [String]? = { _ in nil }) {
    self.name = name
    self.stack = stack
  }
}

/// Writes a timeline in some format: consume, then finalise.
public protocol Exporter: TimelineSink {
  /// The first error that writing met. Nothing is written after it.
  var failure: (any Error)? { get }

  /// A process image comes into the trace, by its number in the recording.
  mutating func begin(_ process: RecordedProcess, texts: ProcessTexts)

  /// Whatever follows is of this process, until the next call.
  mutating func select(_ process: Int)

  /// Nothing more follows of this process.
  mutating func end(_ process: Int)

  /// The events that the next parts are made of, for formats that show events. Those of one task come in order.
  mutating func consume(_ events: [Event])

  /// Every event that was recorded before `time`, CLOCK_MONOTONIC in ns, has been consumed, of all processes.
  mutating func mark(_ time: UInt64)

  /// Writes what is held back, so that the file is complete up to here. Not needed, except for who looks at the file
  /// while it grows.
  mutating func flush()

  /// Ends the file and hands out what is still held back. Nothing may be consumed afterwards.
  ///
  /// Throws the first error that writing met, now or before.
  mutating func finalise() throws
}

extension Exporter {
  public mutating func begin(_ process: RecordedProcess, texts: ProcessTexts) {}
  public mutating func select(_ process: Int) {}
  public mutating func end(_ process: Int) {}
  public mutating func consume(_ events: [Event]) {}
  public mutating func mark(_ time: UInt64) {}
}
