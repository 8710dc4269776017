import Fibril
import Foundation
import Synchronization

/// The Swift half of Tests/NeverHarm: fibrils of this runtime that compute checksums, with events all over, until standard
/// input ends. Says what harm.c says.
@main
struct Harm {
  static func main() {
    let workers = (0..<2).map { index in
      let thread = Thread { work(index) }
      thread.start()
      return thread
    }
    while let line = readLine(), !line.isEmpty {}
    Shared.isOver.store(true, ordering: .relaxed)
    while workers.contains(where: { !$0.isFinished }) { usleep(1000) }
    let sums = Shared.state.withLock { $0 }
    let counts = sums.counts
    let checksum = sums.results.reduce(0 as UInt64) { mix($0 &+ $1) }
    print(
      """
      {"checksum":"\(String(checksum, radix: 16))","units":\(sums.units),"wrong":\(sums.wrong),"changed_registers":0,\
      "submits":\(counts[0]),"blocks":\(counts[1]),"wakes":\(counts[2]),"switches":\(counts[3]),"sleeps":\(counts[4]),\
      "resumes":\(counts[5]),"teardowns":\(counts[6])}
      """)
  }

  private static func work(_ worker: Int) {
    do {
      let task = try FibrilTask()
      for index in 0..<8 {
        try task.spawn(name: "summer") { try! runUnits(from: UInt64(index * 5 + worker)) }
      }
      task.joinAll()
      let counts = task.counts
      Shared.state.withLock { state in
        let mine = [
          counts.submits, counts.blocks, counts.wakes, counts.switches, counts.sleeps, counts.resumes, counts.teardowns,
        ]
        for index in mine.indices { state.counts[index] += mine[index] }
      }
    } catch {
      fatalError("\(error)")
    }
  }

  private static func runUnits(from first: UInt64) throws {
    var next = first
    while !Shared.isOver.load(ordering: .relaxed) || next < first + 64 {
      let unit = next % 64
      let result = try compute(unit)
      // Held for a moment only, and never across a switch.
      Shared.state.withLock { $0.take(result, of: Int(unit)) }
      next += 1
    }
  }
}

/// What the threads share.
enum Shared {
  struct State {
    var results = [UInt64](repeating: 0, count: 64)
    var units = 0
    var wrong = 0
    var counts = [UInt64](repeating: 0, count: 7)

    mutating func take(_ result: UInt64, of unit: Int) {
      units += 1
      if results[unit] == 0 { results[unit] = result }
      if results[unit] != result { wrong += 1 }
    }
  }

  static let state = Mutex(State())
  static let isOver = Atomic(false)
}

func mix(_ word: UInt64) -> UInt64 {
  var word = (word ^ word >> 30) &* 0xbf58_476d_1ce4_e5b9
  word = (word ^ word >> 27) &* 0x94d0_49bb_1331_11eb
  return word ^ word >> 31
}

/// FE_UPWARD, by a name that Swift finds twice; FE_TONEAREST is 0.
#if arch(x86_64)
  private let upward: Int32 = 0x800
#else
  private let upward: Int32 = 0x400000
#endif

/// One unit of work, which comes out the same each time: integers, vectors, and divisions by a rounding mode of its own.
private func compute(_ unit: UInt64) throws -> UInt64 {
  var words = (mix(unit + 1), mix(unit + 2))
  var vector = SIMD8<UInt64>(0, 1, 2, 3, 4, 5, 6, 7) &+ unit
  var real = 1 + Double(unit)
  fesetround(unit % 2 == 0 ? 0 : upward)
  defer { fesetround(0) }
  for step in 0..<24 as Range<UInt64> {
    var errand: UInt64 = 0
    switch step % 4 {
    case 0: Fibril.yield()
    case 1:
      let parent = WakeTarget.current
      let seed = words.0 ^ step
      let result = Answer()
      _ = try Fibril.spawn(name: "errand") {
        Fibril.yield()
        result.value = mix(seed)
        parent.wake()
      }
      try Fibril.block()
      errand = result.value
    case 2 where unit % 16 == 0: try Fibril.sleep(for: .microseconds(50))
    default: errand = mix(step)
    }
    real = real / 3 + Double(words.0 >> 40)
    vector = (vector &<< 1) ^ (vector &>> 3) ^ SIMD8(repeating: words.1)
    words.0 &+= errand ^ real.bitPattern
    words.1 = words.1 << 7 | words.1 >> 57
  }
  return mix(words.0 ^ words.1 ^ vector.wrappedSum()) | 1
}

/// What an errand brings back.
private final class Answer {
  var value: UInt64 = 0
}
