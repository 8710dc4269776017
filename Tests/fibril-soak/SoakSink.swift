// What all rounds together have told of the program: how many records, how many were lost, how many came twice.
import TraceEvents

struct SoakSink: RecordingSink {
  private(set) var records: UInt64 = 0
  private(set) var lost: UInt64 = 0
  private(set) var repeated: UInt64 = 0
  /// Of each task: the number behind the last one that any round has told.
  private var told: [UInt64: UInt64] = [:]
  /// Of each task: the number that this round is to tell next.
  private var expected: [UInt64: UInt64] = [:]

  mutating func beginRound() { expected = [:] }

  mutating func begin(task: UInt64, at number: UInt64, of process: Int) { expected[task] = number }

  mutating func take(records span: RawSpan, of task: UInt64, from first: UInt64, of process: Int) {
    let count = UInt64(span.byteCount / RecordDecoder.recordBytes)
    skip(to: first, of: task)
    if first < told[task] ?? 0 { repeated += told[task]! - first }
    records += count
    expected[task] = first + count
    told[task] = first + count
  }

  mutating func end(task: UInt64, at number: UInt64, of process: Int) { skip(to: number, of: task) }

  private mutating func skip(to number: UInt64, of task: UInt64) {
    let next = expected[task] ?? 0
    if number > next { lost += number - next }
    expected[task] = max(next, number)
  }

  mutating func add(_ pair: ClockPair) {}
  mutating func begin(_ process: RecordedProcess) {}
  mutating func take(_ modules: [RecordedModule], of process: Int) {}
  mutating func take(_ snapshot: ProcessSnapshot, of process: Int) {}
  mutating func take(_ names: [String], from index: Int, of process: Int) {}
  mutating func take(stack: [UInt64], id: UInt32, of process: Int) {}
  mutating func end(_ process: Int, _ ending: ProcessEnding, at time: UInt64) {}
  mutating func mark(_ time: UInt64) {}
}
