import Fibril
import Glibc

/// One fibril's work: opens a directory, lists it and submits a call for each entry; and counts
/// whatever calls of its task have completed, its own or another walker's.
struct Walker {
  private let work: WorkList
  private let pool: BatchPool

  static let fibrilsOnATask = 16

  init(_ work: WorkList, _ pool: BatchPool) {
    self.work = work
    self.pool = pool
  }

  func run() {
    var tally = Tally()
    while let place = nextDirectory(&tally) { walk(place, &tally) }
    work.add(tally)
  }

  private func nextDirectory(_ tally: inout Tally) -> Place? {
    while true {
      // What has completed may hold the last entries of a directory, and nobody else may be there
      // to count them.
      collect(minimum: 0, &tally)
      let idle = Asys.pendingCalls == 0
      switch work.next(for: idle ? WakeTarget.current : nil) {
      case .directory(let place): return place
      case .end: return nil
      case .wait: if idle { try? Fibril.block() } else { collect(minimum: 1, &tally) }
      }
    }
  }

  private func walk(_ place: Place, _ tally: inout Tally) {
    let descriptor: Int32
    do {
      descriptor = try place.open()
    } catch {
      warn("cannot open \(place.text): \(message(error.code))")
      tally.errors += 1
      if error.code != ENOENT, error.code != ENOTDIR { tally.directories += 1 }
      return work.finishDirectory()
    }
    let directory = Directory(place, descriptor: descriptor, work: work)
    do {
      try list(directory, &tally)
    } catch {
      warn("cannot list \(place.text): \(message(error.code))")
      tally.errors += 1
    }
  }

  private func list(_ directory: Directory, _ tally: inout Tally) throws(SystemCallError) {
    tally.directories += 1
    while true {
      let batch = pool.take()
      let bytes: Int
      do {
        bytes = unsafe try Asys.call(.getdents64(directory.descriptor, into: batch.entries))
      } catch {
        pool.giveBack(batch)
        throw error
      }
      let calls = batch.calls(bytes: bytes, in: directory)
      guard !calls.isEmpty else {
        pool.giveBack(batch)
        if bytes == 0 { return }
        continue
      }
      submit(calls)
      collect(minimum: 0, &tally)
    }
  }

  /// Without memory for a call there is no walk.
  private func submit(_ calls: [SystemCall]) {
    do {
      try Asys.submit(calls)
    } catch {
      fatalError("treewalk: \(error)")
    }
  }

  /// Counts what has completed, at least `minimum` calls if so many are pending.
  private func collect(minimum: Int, _ tally: inout Tally) {
    var completions: [Completion] = []
    _ = try? Asys.awaitCompletions(minimum: minimum, into: &completions)
    var found: [Place] = []
    for completion in completions {
      let (batch, index) = Batch.find(completion)
      if let place = batch.count(index, result: completion.result, into: &tally) { found.append(place) }
      if batch.isCounted {
        // Its directory may be finished with this: what it led to must be listed before.
        work.add(found)
        found = []
        pool.giveBack(batch)
      }
    }
    work.add(found)
  }
}
