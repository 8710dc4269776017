// Which records of a task have been told: what comes twice is told once, and what is missing shows.

/// Where one task's stream of records stands.
struct TaskLedger {
  /// Everything below has been told, is lost, or belongs to no trace of ours.
  private(set) var expected: UInt64
  /// Records from here on are ours; those in front of it, if they do not come, went to somebody else.
  private var latestStart: UInt64
  /// What follows is younger than the trace.
  var isOver = false
  /// Its beginning has been told.
  private(set) var hasBegun = false

  /// A task of which everything below `number` is old.
  init(at number: UInt64 = 0) {
    expected = number
    latestStart = number
  }

  /// Batches that were made while the probes were being attached may have gone to nobody.
  mutating func mayBegin(at number: UInt64) {
    if !hasBegun { latestStart = max(expected, number) }
  }

  /// What of some records is new: from which number on, and where the task begins if that is to be told now.
  mutating func accept(_ numbers: Range<UInt64>) -> (start: UInt64, begin: UInt64?)? {
    guard numbers.upperBound > expected, !isOver else { return nil }
    let start = max(numbers.lowerBound, expected)
    let begin = begin(before: start)
    expected = numbers.upperBound
    return (start, begin)
  }

  /// Where the task begins, if that is to be told now, when the first thing of it is told at `number`.
  mutating func begin(before number: UInt64) -> UInt64? {
    if hasBegun { return nil }
    hasBegun = true
    expected = max(expected, min(number, latestStart))
    return expected
  }
}
