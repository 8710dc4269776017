// Ten thousand damaged processes: the reader returns from each, in bounded memory, with some answer.
import CFibrilContract
import Testing
import TraceEvents

@testable import Inspection

@Suite struct FuzzTests {
  @Test(arguments: 0..<20)
  func aDamagedProcessNeverCrashesTheReader(seed: Int) throws {
    var random = Random(seed: UInt64(seed) &+ 2026)
    let process = FakeProcess(tasks: 2, fibrils: 5)
    let sound = process.bytes
    // Where the structures lie: all but the stacks.
    let structures = Int(process.slots - FakeProcess.base) + 3 * MemoryLayout<fibril_task_slot>.size
    var answers = 0
    for _ in 0..<600 {
      process.bytes = sound
      for _ in 0..<Int.random(in: 1...8, using: &random) { process.damage(within: structures, using: &random) }
      if Bool.random(using: &random) { process.bytes.removeLast(.random(in: 0..<process.bytes.count, using: &random)) }
      if let (inspection, stacks) = try? process.inspect() {
        answers += 1
        #expect(inspection.snapshot.fibrils.count <= TableLimits.standard.fibrils)
        #expect(stacks.values.allSatisfy { $0.bytes.count <= Int(TableLimits.stackBytes) })
      }
    }
    // The damage is not so bad that nothing is left to read.
    #expect(answers > 50)
  }
}

extension FakeProcess {
  /// Writes one word, half word or byte that is chosen to hurt.
  func damage(within limit: Int, using random: inout Random) {
    let size = [1, 4, 8].randomElement(using: &random)!
    let place = Int.random(in: 0...(limit - 8), using: &random) & ~(size - 1)
    let inside = Self.base + UInt64.random(in: 0..<UInt64(bytes.count), using: &random)
    let values: [UInt64] = [
      0, 1, .max, .max - 7, 0x7fff_ffff, 0xffff_ffff, 1 << 63, Self.base, inside, inside & ~7, 255, 65535, 1 << 20,
      random.next(),
    ]
    let value = values.randomElement(using: &random)!
    unsafe withUnsafeBytes(of: value) { unsafe bytes.replaceSubrange(place..<place + size, with: $0.prefix(size)) }
  }
}
