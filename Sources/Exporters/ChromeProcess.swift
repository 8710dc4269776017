// A traced process in Chrome's trace JSON: the two numbers it goes by, and its names.

/// One process of a trace.
struct ChromeProcess {
  /// Its number in the recording; negative: there is none.
  let index: Int
  /// The process ids of its tasks and of its fibrils.
  let process: UInt64
  let fibrilProcess: UInt64
  var names: NameCache

  static var none: ChromeProcess {
    ChromeProcess(index: -1, process: 0, fibrilProcess: 0, names: NameCache(ProcessTexts { _ in nil }))
  }
}

/// Gives every process image of a trace process ids that no other one has. A viewer takes what has the same id for the
/// same process, and ids come again: after execve, and when the kernel has gone round.
struct ProcessNumbers {
  private var taken: Set<UInt64> = []
  /// Beyond all ids of real processes and of their fibrils' processes.
  private var next: UInt64 = 1 << 30

  var isEmpty: Bool { taken.isEmpty }

  /// The id itself and another one, if they are free.
  mutating func take(for processID: UInt64) -> (process: UInt64, fibrilProcess: UInt64) {
    // A file may hold ids that no kernel gives.
    if processID < ChromeExporter.fibrilProcessOffset, taken.insert(processID).inserted {
      return (processID, processID + ChromeExporter.fibrilProcessOffset)
    }
    taken.insert(next)
    defer { next += 2 }
    return (next, next + 1)
  }
}
