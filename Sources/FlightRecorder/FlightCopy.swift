// Writes what a flight recorder held at one moment as a .fbt file of its own.

public import TraceEvents

/// What was thrown away: what it came to, and how the chunks that follow are to be read.
struct RecordingBegin {
  /// The bytes that the reader is given: of one chunk at a time.
  private final class Feed {
    var bytes: ArraySlice<UInt8> = []
  }

  private let feed = Feed()
  private var reader: FBTReader
  private(set) var state = RecordingState()

  init() {
    let feed = feed
    feed.bytes = FBTChunk(.now(tracer: "")).bytes[...]
    // The reader asks for bytes only where this type has laid them out, and its own header is sound.
    reader = try! FBTReader { count in
      let bytes = Array(feed.bytes.prefix(count))
      feed.bytes = feed.bytes.dropFirst(count)
      return bytes
    }
  }

  mutating func fold(_ stretch: FlightRecorder.Stretch) throws {
    for chunk in stretch.chunks {
      feed.bytes = chunk.bytes[...]
      _ = try reader.next(into: &state)
    }
  }

  /// Tells `sink` what a chunk says, which follows those before.
  mutating func next(_ chunk: FBTChunk, into sink: inout some RecordingSink) throws {
    feed.bytes = chunk.bytes[...]
    _ = try reader.next(into: &sink)
  }
}

/// A copy of what a flight recorder held.
public struct FlightCopy {
  private var begin: RecordingBegin
  private let stretches: [FlightRecorder.Stretch]
  private var position = 0
  private var writer: FBTWriter?

  init(begin: RecordingBegin, stretches: [FlightRecorder.Stretch]) {
    self.begin = begin
    self.stretches = stretches
  }

  /// The numbers of what has been written.
  public var totals: FBTTotals { writer?.totals ?? FBTTotals() }

  /// Writes the next part, a tenth of a second of the recording, with `write`; false if that was the last.
  ///
  /// Throws what `write` throws.
  public mutating func step(
    header: @autoclosure () -> FBTHeader, options: FBTWriter.Options = FBTWriter.Options(),
    write: @escaping ([UInt8]) throws -> Void
  ) throws -> Bool {
    var writer = try self.writer ?? FBTWriter(header: header(), options: options, write: write)
    self.writer = nil
    if position == 0 { try begin.state.tell(to: &writer) }
    if position < stretches.count {
      for chunk in stretches[position].chunks { try begin.next(chunk, into: &writer) }
      position += 1
    }
    let isDone = position == stretches.count
    if isDone { try writer.finish(at: max(stretches.last?.end ?? 0, ClockPair.now().nanoseconds)) }
    self.writer = writer
    return !isDone
  }
}
