import Fibril
import Glibc
import Testing

/// What the scheduler switches along with a fibril.
@Suite struct PerCallStateTests {
  @Test func errnoBelongsToTheFibril() throws {
    let seen = try onTask { task in
      final class Seen { var values: [CInt] = [] }
      let seen = Seen()
      for value in [EPERM, ENOENT, EIO] {
        try task.spawn {
          errno = value
          Fibril.yield()
          seen.values.append(errno)
        }
      }
      task.joinAll()
      return seen.values
    }
    #expect(seen == [EPERM, ENOENT, EIO])
  }

  /// Swift checks exclusivity with a list of open accesses a thread; each fibril here switches while
  /// it has one open, to a variable of its own. Without care that ends in a false conflict or a crash.
  @Test func openAccessesBelongToTheFibril() throws {
    final class Variable { var value = 0 }
    @Sendable func modify(_ value: inout Int, _ rounds: Int) {
      for _ in 0..<rounds {
        value += 1
        Fibril.yield()
      }
    }
    let values = try onTask { task in
      let variables = (0..<20).map { _ in Variable() }
      for variable in variables {
        try task.spawn { modify(&variable.value, 100) }
      }
      task.joinAll()
      return variables.map(\.value)
    }
    #expect(values == Array(repeating: 100, count: 20))
  }

  /// Two fibrils modify one variable at a time, which each one's own set of accesses does not show.
  private static func conflict(_ options: FibrilTask.Options) throws -> Int {
    final class Variable { var value = 0 }
    @Sendable func modify(_ value: inout Int) {
      value += 1
      Fibril.yield()
    }
    return try onTask(options) { task in
      let variable = Variable()
      for _ in 0..<2 { try task.spawn { modify(&variable.value) } }
      task.joinAll()
      return variable.value
    }
  }

  @Test func sharedAccessesShowConflictsBetweenFibrils() async throws {
    await #expect(processExitsWith: .success) { _ = try Self.conflict(.init()) }
    await #expect(processExitsWith: .failure) {
      var options = FibrilTask.Options()
      options.sharesOpenAccesses = true
      _ = try Self.conflict(options)
    }
    await #expect(processExitsWith: .failure) {
      unsafe setenv("FIBRIL_SHARED_EXCLUSIVITY", "1", 1)
      _ = try Self.conflict(.init())
    }
  }

  /// The three modes besides to-nearest, which is 0: <fenv.h> has each twice for Swift.
  #if arch(x86_64)
    private static let roundings: [CInt] = [0x400, 0x800, 0xc00]
  #else
    private static let roundings: [CInt] = [0x40_0000, 0x80_0000, 0xc0_0000]
  #endif

  @Test func roundingBelongsToTheFibril() throws {
    let seen = try onTask { task in
      final class Seen { var modes: [CInt] = [] }
      let seen = Seen()
      for mode in Self.roundings {
        try task.spawn {
          seen.modes.append(fegetround())
          fesetround(mode)
          Fibril.yield()
          seen.modes.append(fegetround())
        }
      }
      task.joinAll()
      return seen.modes + [fegetround()]
    }
    // Each starts with the task's; and the task's own is in the end as it was.
    #expect(seen == [0, 0, 0] + Self.roundings + [0])
  }

  @Test func floatingPointRegistersSurvive() throws {
    let sums = try onTask { task in
      final class Sums { var values: [Double] = [] }
      let sums = Sums()
      for start in [1.5, 2.5, 3.5] {
        try task.spawn {
          var sum = start
          for _ in 0..<50 {
            sum *= 1.01
            Fibril.yield()
            sum += start
          }
          sums.values.append(sum)
        }
      }
      task.joinAll()
      return sums.values
    }
    let expected = [1.5, 2.5, 3.5].map { start in (0..<50).reduce(start) { sum, _ in sum * 1.01 + start } }
    #expect(sums == expected)
  }
}
