// The distinct backtraces of a dump: most fibrils stand where others do.
internal import Symbols

/// Backtraces, each once, by number.
struct BacktraceSet {
  private(set) var all: [Backtrace] = []
  private var numbers: [Key: Int] = [:]
  private var framesLeft: Int
  private var leftOut = 0

  /// At most so many frames are kept, 16 bytes each: a million backtraces of an ordinary depth.
  static let maximumFrames = 16 << 20

  init(maximumFrames: Int = Self.maximumFrames) { framesLeft = maximumFrames }

  /// Backtraces that differ do so in a code address, but for one in a million.
  private struct Key: Hashable {
    var backtrace: Backtrace

    func hash(into hasher: inout Hasher) {
      for frame in backtrace.frames { hasher.combine(frame.pc) }
    }
  }

  /// The number of an equal one, or the next; nil if there are too many already.
  mutating func number(of backtrace: Backtrace) -> Int? {
    let key = Key(backtrace: backtrace)
    if let known = numbers[key] { return known }
    guard backtrace.frames.count <= framesLeft else {
      leftOut += 1
      return nil
    }
    framesLeft -= backtrace.frames.count
    numbers[key] = all.count
    all.append(backtrace)
    return all.count - 1
  }

  /// What to say of those that were left out; nil if none were.
  var problem: String? {
    leftOut == 0 ? nil : "the stacks of \(leftOut) fibrils were left out: too many of them are different"
  }
}
