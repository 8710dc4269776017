// What a reader must remember of a file, so that its sink gets nothing that no recording holds.

/// The numbers of processes: each is larger than the one before, but not all need to be there.
struct FBTProcessNumbers {
  private var next = 0
  private var count = 0

  /// False if a process may not have this number.
  mutating func take(_ number: Int) -> Bool {
    guard number >= next, number < .max, count < FBTFormat.mostProcesses else { return false }
    next = number + 1
    count += 1
    return true
  }
}

/// The processes of a file so far.
struct FBTContents {
  private var processes: [Int: ProcessContents] = [:]
  private var numbers = FBTProcessNumbers()
  private var names = 0
  /// A snapshot or a list of modules of which a piece is yet to come.
  var snapshot: (process: Int, snapshot: ProcessSnapshot)?
  var modules: (process: Int, modules: [RecordedModule])?

  private struct ProcessContents {
    var names: Int?
    var hasSnapshot = false
    var hasRecords = false
  }

  mutating func begin(_ process: Int) throws(DamageError) {
    guard numbers.take(process), processes.count < FBTFormat.mostLiveProcesses else {
      throw DamageError("a process's number does not follow the others, or there are too many")
    }
    processes[process] = ProcessContents()
  }

  mutating func end(_ process: Int) throws(DamageError) {
    names -= try contents(process).names ?? 0
    processes[process] = nil
    if snapshot?.process == process { snapshot = nil }
    if modules?.process == process { modules = nil }
  }

  func check(_ process: Int) throws(DamageError) { _ = try contents(process) }

  mutating func takeRecords(of process: Int) throws(DamageError) {
    let contents = try contents(process)
    if !contents.hasRecords { processes[process]?.hasRecords = true }
  }

  mutating func takeSnapshot(of process: Int) throws(DamageError) {
    let contents = try contents(process)
    guard !contents.hasSnapshot, !contents.hasRecords else { throw DamageError("a snapshot comes too late") }
    processes[process]?.hasSnapshot = true
  }

  mutating func takeNames(_ count: Int, from index: Int, of process: Int) throws(DamageError) {
    let told = try contents(process).names ?? 0
    guard index == told, index + count <= FBTFormat.mostNames, names + count <= FBTFormat.mostNamesInAll else {
      throw DamageError("names leave a gap, or there are too many")
    }
    names += count
    processes[process]?.names = told + count
  }

  private func contents(_ process: Int) throws(DamageError) -> ProcessContents {
    guard let contents = processes[process] else { throw DamageError("a chunk is of a process that is not there") }
    return contents
  }
}
