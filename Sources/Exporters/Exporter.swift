// What every output format is: something that takes a timeline part by part, and then ends its file.

public import Timeline

/// Writes a timeline in some format: consume, then finalise.
public protocol Exporter: TimelineSink {
  /// The first error that writing met. Nothing is written after it.
  var failure: (any Error)? { get }

  /// Writes what is held back, so that the file is complete up to here. Not needed, except for who looks at the file
  /// while it grows.
  mutating func flush()

  /// Ends the file and hands out what is still held back. Nothing may be consumed afterwards.
  ///
  /// Throws the first error that writing met, now or before.
  mutating func finalise() throws
}
