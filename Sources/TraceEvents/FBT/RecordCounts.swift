// Counts events by their records, as a timeline would count them, without decoding.
internal import CFibrilContract

/// How many records of each kind there were.
struct RecordCounts {
  /// Kinds that have no slot of their own share slot 0.
  private var byKind: InlineArray<16, UInt64> = .init(repeating: 0)
  private var sleeps: UInt64 = 0
  private var resumes: UInt64 = 0

  @inline(__always) mutating func count(_ record: fibril_record) {
    let kind = record.kind < 16 ? Int(record.kind) : 0
    byKind[kind] &+= 1
    if UInt32(record.kind) == FIBRIL_RECORD_SWITCH.rawValue {
      if record.fibril == 0 { sleeps &+= 1 } else if record.arg == 0 { resumes &+= 1 }
    }
  }

  private func of(_ kind: fibril_record_kind) -> UInt64 { byKind[Int(kind.rawValue)] }

  /// As `TimelineStatistics` counts them.
  var events: EventCounts {
    var counts = EventCounts()
    counts.submits = of(FIBRIL_RECORD_SUBMIT)
    counts.blocks = of(FIBRIL_RECORD_BLOCK)
    counts.wakes = of(FIBRIL_RECORD_WAKE)
    counts.switches = of(FIBRIL_RECORD_SWITCH) - sleeps - resumes
    counts.sleeps = sleeps
    counts.resumes = resumes
    counts.teardowns = of(FIBRIL_RECORD_TEARDOWN)
    return counts
  }

  /// Records that begin an event.
  var all: UInt64 {
    [
      FIBRIL_RECORD_TASK_START, FIBRIL_RECORD_TASK_STOP, FIBRIL_RECORD_SUBMIT, FIBRIL_RECORD_SWITCH,
      FIBRIL_RECORD_BLOCK, FIBRIL_RECORD_WAKE, FIBRIL_RECORD_TEARDOWN,
    ].reduce(0) { $0 &+ of($1) }
  }
}
