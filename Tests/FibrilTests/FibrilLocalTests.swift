import Fibril
import Testing

@Suite struct FibrilLocalTests {
  private static let number = FibrilLocal(default: 7)

  /// Says when it is released.
  final class Witness {
    let log: Log
    let name: String
    init(_ log: Log, _ name: String) { (self.log, self.name) = (log, name) }
    deinit { log.lines.append("\(name) released by \(Fibril.currentID == log.owner ? "its fibril" : "another")") }
  }
  final class Log {
    var lines: [String] = []
    var owner: UInt64 = 0
  }
  private static let witness = FibrilLocal<Witness?>(default: nil)
  private static let fresh = FibrilLocal(default: Log())

  @Test func everyFibrilHasItsOwn() throws {
    let seen = try onTask { task in
      let log = Log()
      Self.number.current = 100
      for name in 1...3 {
        try task.spawn {
          let first = Self.number.current
          Self.number.current += name
          Fibril.yield()
          log.lines.append("\(first) \(Self.number.current)")
        }
      }
      task.joinAll()
      return log.lines + ["\(Self.number.current)"]
    }
    #expect(seen == ["7 8", "7 9", "7 10", "100"])
  }

  /// Entries are used again by the next fibrils; what lies behind them is not.
  @Test func nothingIsLeftForTheNextFibril() throws {
    let (sum, released) = try onTask { task in
      let log = Log()
      var sum = 0
      for index in 0..<100 {
        try task.spawn {
          sum += Self.number.current
          Self.number.current = 1000
          if Self.witness.current != nil { sum += 1 << 20 }
          Self.witness.current = Witness(log, "\(index)")
          Fibril.yield()
          log.owner = Fibril.currentID
        }.join()
      }
      return (sum, log.lines)
    }
    #expect(sum == 700)
    #expect(released == (0..<100).map { "\($0) released by its fibril" })
  }

  @Test func aReplacedValueIsReleasedAtOnceAndTheRootsWithItsTask() throws {
    let log = try onThread {
      let log = Log()
      try {
        let task = try FibrilTask()
        Self.witness.current = Witness(log, "first")
        log.owner = Fibril.currentID
        Self.witness.current = Witness(log, "second")
        log.lines.append("end")
        task.joinAll()
      }()
      return log.lines
    }
    #expect(log == ["first released by its fibril", "end", "second released by its fibril"])
  }

  @Test func theDefaultIsMadeOnceAFibril() throws {
    let same = try onTask { task in
      var others: [Log] = []
      for _ in 0..<2 {
        try task.spawn { if Self.fresh.current === Self.fresh.current { others.append(Self.fresh.current) } }
      }
      task.joinAll()
      return others.count == 2 && others[0] !== others[1]
    }
    #expect(same)
  }
}
