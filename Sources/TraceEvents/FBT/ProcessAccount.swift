// What a writer counts of one process: by task, exactly as RecordDecoder does, so that a file and its replay agree.
internal import CFibrilContract

struct ProcessAccount {
  private var tasks: [TaskAccount] = []
  private var indices: [UInt64: Int] = [:]
  /// What came of tasks that have ended: only what is counted by task.
  private var ended = FBTTotals()
  private var lostByEnded: [UInt64: UInt64] = [:]
  private var counts = RecordCounts()
  /// Those that were there already, or whose submit was kept.
  private var fibrils: UInt64 = 0
  /// Those of the snapshot whose submits may come too.
  private var shown: Set<UInt64> = []

  /// So many names are known.
  private(set) var names = 0
  private var hasSnapshot = false
  /// A record or a loss has been told.
  private var hasRecords = false

  struct TaskAccount {
    let task: UInt64
    var expected: UInt64 = 0
    var received: UInt64 = 0
    var lost: UInt64 = 0
    /// It was there already, or one of its events was kept.
    var isSeen = false
    /// What the snapshot showed is not younger.
    var shownBelow: UInt64 = 0
  }

  var totals: FBTTotals {
    var totals = ended
    for task in tasks { task.add(to: &totals) }
    totals.events = counts.all
    totals.counts = counts.events
    totals.fibrils = fibrils + counts.events.submits
    return totals
  }

  var lostByTask: [UInt64: UInt64] {
    tasks.reduce(into: lostByEnded) { lost, task in
      if task.lost > 0 { lost[task.task] = (lost[task.task] ?? 0).saturatingSum(task.lost) }
    }
  }

  /// False if it comes too late, and must not be kept.
  mutating func take(_ snapshot: ProcessSnapshot) -> Bool {
    guard !hasSnapshot, !hasRecords else { return false }
    hasSnapshot = true
    for task in snapshot.tasks {
      guard let index = index(of: task.task) else { continue }
      tasks[index].isSeen = true
      tasks[index].shownBelow = task.nextNumber
    }
    for fibril in snapshot.fibrils where !fibril.isRoot && fibril.state != .dead {
      fibrils += 1
      if let index = indices[fibril.task], fibril.nextNumber > tasks[index].expected { shown.insert(fibril.fibril) }
    }
    return true
  }

  /// What is new of these names, and its index; nil if that is nothing, or others are missing in front of it. It takes
  /// no more than `room`.
  mutating func take(_ added: [String], from index: Int, room: Int) -> (names: ArraySlice<String>, index: Int)? {
    let end = min(index + added.count, FBTFormat.mostNames, names + room)
    guard index >= 0, index <= names, end > names else { return nil }
    defer { names = end }
    return (added[(names - index)..<(end - index)], names)
  }

  mutating func begin(task: UInt64, at number: UInt64) {
    guard let index = index(of: task) else { return }
    tasks[index].expected = max(tasks[index].expected, number)
  }

  /// Forgets the task, but for what came of it, and says what it has lost.
  mutating func end(task: UInt64, at number: UInt64) -> UInt64 {
    guard let index = index(of: task) else { return 0 }
    hasRecords = true
    tasks[index].skip(to: number)
    let account = tasks[index]
    account.add(to: &ended)
    if account.lost > 0, lostByEnded.count < RecordDecoder.mostTasks {
      lostByEnded[task] = (lostByEnded[task] ?? 0).saturatingSum(account.lost)
    }
    indices[task] = nil
    let last = tasks.removeLast()
    if index < tasks.count {
      tasks[index] = last
      indices[last.task] = index
    }
    return account.lost
  }

  /// Packs what has not come before, and carries its number, into `writer`, from `position` on, which is moved. True:
  /// the writer is full, and there is more.
  mutating func take(
    _ records: RawSpan, _ position: inout Int, of task: UInt64, from first: UInt64, _ process: Int,
    into writer: inout RecordWriter
  ) -> Bool {
    guard let index = index(of: task) else { return false }
    let end = records.byteCount / RecordDecoder.recordBytes
    while position < end {
      let number = first &+ UInt64(position)
      // Any bytes make a number, and the span checks the bounds.
      let number16 = unsafe records.unsafeLoadUnaligned(
        fromByteOffset: position * RecordDecoder.recordBytes + Self.numberOffset, as: UInt16.self)
      guard number >= tasks[index].expected, number < .max, number16 == UInt16(truncatingIfNeeded: number) else {
        position += 1
        continue
      }
      if writer.isFull { return true }
      hasRecords = true
      if number < tasks[index].shownBelow, !shown.isEmpty { forgetShown(records, from: position) }
      tasks[index].skip(to: number)
      let start = position
      let before = counts.all
      writer.take(records, position: &position, first: first, of: task, process, counting: &counts)
      tasks[index].expected = number + UInt64(position - start)
      tasks[index].received += UInt64(position - start)
      if counts.all != before { tasks[index].isSeen = true }
    }
    return false
  }

  /// A fibril that the snapshot showed is not counted a second time by its submit.
  private mutating func forgetShown(_ records: RawSpan, from position: Int) {
    for place in position..<(records.byteCount / RecordDecoder.recordBytes) {
      // As above.
      let record = unsafe records.unsafeLoadUnaligned(
        fromByteOffset: place * RecordDecoder.recordBytes, as: fibril_record.self)
      guard UInt32(record.kind) == FIBRIL_RECORD_SUBMIT.rawValue else { continue }
      if shown.remove(record.fibril) != nil { fibrils -= 1 }
    }
  }

  /// Of `number16` in a record.
  private static let numberOffset = 26

  private mutating func index(of task: UInt64) -> Int? {
    if let index = indices[task] { return index }
    guard tasks.count < RecordDecoder.mostTasks else { return nil }
    indices[task] = tasks.count
    tasks.append(TaskAccount(task: task))
    return tasks.count - 1
  }
}

extension ProcessAccount.TaskAccount {
  func add(to totals: inout FBTTotals) {
    totals.received = totals.received.saturatingSum(received)
    totals.lost = totals.lost.saturatingSum(lost)
    if isSeen { totals.tasks += 1 }
  }

  mutating func skip(to number: UInt64) {
    guard number > expected else { return }
    lost = lost.saturatingSum(number - expected)
    expected = number
  }
}
