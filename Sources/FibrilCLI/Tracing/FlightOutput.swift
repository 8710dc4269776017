// A trace of which the last stretch is held in memory, and written when somebody or something wants it.
internal import FlightRecorder
internal import Replay
internal import Timeline
internal import TraceEvents

/// A flight recorder, and what it watches for.
struct FlightOutput: TraceOutput {
  private var recorder: FlightRecorder
  private var watch: Replay<TriggerWatch>?
  private let found = TriggerWatch.MatchBox()
  private let path: String
  private let options: FBTWriter.Options
  /// The file at the end of the trace, opened before it began.
  private let file: OutputFile
  /// Copies that have been asked for, the first of them under way.
  private var copies: [Copy] = []
  private var savedCopies = 0
  /// When copies were asked for that have not been made, CLOCK_MONOTONIC in ns.
  private var asked: [UInt64] = []
  /// A tracer that is behind all the time may never have told everything.
  private static let longestDelay: UInt64 = 1_000_000_000
  /// Up to here everything has been told: what a fibril does later may have come to an end that has not.
  private var told: UInt64 = 0
  private var saidCutShort = false
  /// When all that fibrils do at present is looked at again.
  private var nextLook: UInt64 = 0

  private struct Copy {
    var content: FlightCopy
    var file: OutputFile
  }

  /// Keeps `capacity` and writes it to `file`, which lies at `path`.
  init(
    capacity: FlightRecorder.Capacity, triggers: [Trigger], file: OutputFile, path: String, options: FBTWriter.Options
  ) {
    recorder = FlightRecorder(capacity: capacity, options: options)
    if !triggers.isEmpty { watch = Replay(into: TriggerWatch(triggers, box: found)) }
    self.file = file
    self.path = path
    self.options = options
  }

  var numbers: TraceNumbers { TraceNumbers(recorder.totals, lostByTask: recorder.lostByTask) }

  mutating func review(at time: UInt64) throws -> String? {
    try makeCopies(at: time)
    advanceCopies()
    if recorder.isCutShort, !saidCutShort {
      saidCutShort = true
      Diagnostics.say(
        "--keep holds less than that time: the events take more than \(FlightRecorder.mostBytes >> 20) MiB; name a size, "
          + "such as --keep 4GiB, for more")
    }
    guard watch != nil, time >= nextLook else { return describeMatch() }
    watch!.showOpenSlices(at: told)
    // A million waiting fibrils are not looked at all the time.
    nextLook = time + max(10_000_000, 20 * (ClockPair.now().nanoseconds - time))
    return describeMatch()
  }

  private func describeMatch() -> String? {
    guard let match = found.match else { return nil }
    let slice = match.slice
    let name = watch?.name(of: slice.label, process: match.process).map { " \"\($0)\"" } ?? ""
    return """
      \(match.trigger) came true: fibril \(slice.label.fibril)\(name) of task \(slice.task), \
      \(rough(nanoseconds: slice.end - slice.begin)) so far
      """
  }

  /// Made once everything up to now has been told: what made somebody ask has only just happened.
  mutating func save() { asked.append(ClockPair.now().nanoseconds) }

  /// A copy is written while the trace goes on, so that no record is lost over it.
  private mutating func makeCopies(at time: UInt64) throws {
    while let first = asked.first, told >= first || time >= first + Self.longestDelay {
      asked.removeFirst()
      let content = try recorder.copy()
      do {
        copies.append(Copy(content: content, file: try nextFile()))
      } catch {
        giveUpCopy(error)
      }
    }
  }

  private mutating func advanceCopies() {
    guard !copies.isEmpty else { return }
    let file = copies[0].file
    do {
      if try copies[0].content.step(header: .here, options: options, write: { try file.write($0) }) { return }
      Diagnostics.say("wrote \(file.path), \(copies[0].content.totals.events) events")
    } catch {
      giveUpCopy(error)
    }
    copies.removeFirst()
  }

  /// The recorder goes on: the next copy, or the one at the end, may find a place.
  private func giveUpCopy(_ error: any Error) {
    Diagnostics.say("a copy was asked for and is not made: \(error)")
  }

  /// The copies before it are ended first.
  mutating func finish(at time: UInt64) throws {
    try makeCopies(at: .max)
    while !copies.isEmpty { advanceCopies() }
    try recorder.mark(time)
    var copy = try recorder.copy()
    let last = try nextFile()
    while try copy.step(header: .here, options: options, write: { try last.write($0) }) {}
    Diagnostics.say("wrote \(last.path), \(copy.totals.events) events")
  }

  /// The one that was asked for, `late.fbt`, then `late.2.fbt`, and so on.
  private mutating func nextFile() throws -> OutputFile {
    savedCopies += 1
    let next =
      savedCopies == 1 ? file : try OutputFile(path: "\(path.dropLast(4)).\(savedCopies).fbt", option: "-o")
    try next.begin()
    return next
  }
}

/// Everything goes to the recorder and past the watch.
extension FlightOutput {
  mutating func add(_ pair: ClockPair) throws {
    try recorder.add(pair)
    try watch?.add(pair)
  }

  mutating func begin(_ process: RecordedProcess) throws {
    try recorder.begin(process)
    try watch?.begin(process)
  }

  mutating func take(_ modules: [RecordedModule], of process: Int) throws {
    try recorder.take(modules, of: process)
  }

  mutating func take(_ snapshot: ProcessSnapshot, of process: Int) throws {
    try recorder.take(snapshot, of: process)
    try watch?.take(snapshot, of: process)
  }

  mutating func take(_ names: [String], from index: Int, of process: Int) throws {
    try recorder.take(names, from: index, of: process)
    try watch?.take(names, from: index, of: process)
  }

  mutating func take(stack: [UInt64], id: UInt32, of process: Int) throws {
    try recorder.take(stack: stack, id: id, of: process)
  }

  mutating func begin(task: UInt64, at number: UInt64, of process: Int) throws {
    try recorder.begin(task: task, at: number, of: process)
    try watch?.begin(task: task, at: number, of: process)
  }

  mutating func take(records: RawSpan, of task: UInt64, from first: UInt64, of process: Int) throws {
    try recorder.take(records: records, of: task, from: first, of: process)
    try watch?.take(records: records, of: task, from: first, of: process)
  }

  mutating func end(task: UInt64, at number: UInt64, of process: Int) throws {
    try recorder.end(task: task, at: number, of: process)
    try watch?.end(task: task, at: number, of: process)
  }

  mutating func end(_ process: Int, _ ending: ProcessEnding, at time: UInt64) throws {
    try recorder.end(process, ending, at: time)
    try watch?.end(process, ending, at: time)
  }

  mutating func mark(_ time: UInt64) throws {
    told = max(told, time)
    try recorder.mark(time)
    try watch?.mark(time)
  }
}
