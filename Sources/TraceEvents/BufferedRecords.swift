// Records copied from a buffer whose owner may have been writing: which of them are whole.

/// A run of whole records out of one task's buffer.
public struct BufferedRecords: Sendable {
  /// The task that made them.
  public let task: UInt64
  /// Number of the first record, at most `end`.
  public let first: UInt64
  /// One past the number of the last.
  public let end: UInt64
  /// Every record below was offered to a batch probe before the copy was made.
  public let flushed: UInt64
  private let bytes: [UInt8]
  private let bytesFirst: UInt64

  /// Judges a copy of the records numbered from `first` up to `before.head`.
  ///
  /// A slot is whole if its number is above `after.head - slots`: the owner may have been writing the
  /// one that follows the last it had announced, but not over a record that it has yet to hand over. A record that bears another number, which a
  /// sound owner leaves nowhere in that range, and all in front of it do not count.
  init(before: BufferHeader, after: BufferHeader, first: UInt64, bytes: [UInt8], isQuiet: Bool) {
    let slots = UInt64(before.slots)
    var whole = first
    if after.head >= slots {
      let next = after.head - slots
      whole = max(whole, isQuiet || next == after.flushed ? next : next + 1)
    }
    whole = min(whole, before.head)
    let size = RecordDecoder.recordBytes
    for number in whole..<before.head {
      let at = Int(number - first) * size + 26
      let number16 = UInt16(bytes[at]) | UInt16(bytes[at + 1]) << 8
      if number16 != UInt16(truncatingIfNeeded: number) { whole = number + 1 }
    }
    task = before.task
    self.first = whole
    end = before.head
    flushed = before.flushed
    self.bytes = bytes
    bytesFirst = first
  }

  /// What is left of it from `number` on.
  ///
  /// Nil if that is nothing. Nil too if there is a gap in front of it that may still be filled: what
  /// has not been offered to a batch probe yet is going to be.
  public func start(expecting number: UInt64) -> UInt64? {
    let start = max(first, number)
    guard start < end, start == number || start <= flushed else { return nil }
    return start
  }

  /// The records from `start` on, which lies between `first` and `end`.
  public func span(from start: UInt64) -> ArraySlice<UInt8> {
    bytes[Int(start - bytesFirst) * RecordDecoder.recordBytes..<Int(end - bytesFirst) * RecordDecoder.recordBytes]
  }
}

extension RecordDecoder {
  /// Decodes what a batch has not brought already. With `isLast` nothing more will come, and what
  /// is missing in front of it is lost.
  public mutating func decode(
    _ copy: BufferedRecords, isLast: Bool, clock: inout TickClock, into events: inout [Event]
  ) {
    let expected = expectedNumber(ofTask: copy.task)
    guard copy.end > expected, copy.first < copy.end else { return }
    guard let start = isLast ? max(copy.first, expected) : copy.start(expecting: expected) else { return }
    let records = copy.span(from: start)
    // Bytes are as good as records: the decoder takes anything.
    unsafe decode(records.span.bytes, task: copy.task, first: start, clock: &clock, into: &events)
  }
}
