// A hundred thousand damaged processes, each dumped as a command would: read, walked, rendered. No crash,
// an end, and no more read than the limits say.
import CFibrilContract
import Symbols
import Testing
import TraceEvents

@testable import Dumping
@testable import Inspection

@Suite struct FuzzTests {
  static let runs = 50
  static let mutantsInRun = 2000

  @Test(.timeLimit(.minutes(10)), arguments: 0..<runs)
  func aDamagedProcessIsDumped(seed: Int) throws {
    var random = Random(seed: UInt64(seed) &+ 2026)
    let process = MutantProcess()
    var dumps = 0
    var shown = 0
    var frames = 0
    for number in 0..<Self.mutantsInRun {
      process.mutate(using: &random)
      defer { process.heal() }
      guard let reader = try? process.reader() else { continue }
      dumps += 1
      let dump = ProcessDump(of: MutantSource(process: process, reader: reader, random: random))
      shown += dump.fibrils.count
      frames += dump.backtraces.reduce(0) { $0 + $1.frames.count }
      var written = 0
      dump.write([.text, .compact, .json, .counts][number % 4]) { written += $0.count }
      #expect(written > 0 && written < 4 << 20)
      #expect(process.fake.bytesCopied <= MutantProcess.maximumBytes, "mutant \(number) of seed \(seed)")
    }
    // The damage is not so bad that nothing is left to see.
    #expect(dumps > Self.mutantsInRun / 2 && shown > Self.mutantsInRun && frames > Self.mutantsInRun)
  }
}

/// A small process whose memory is damaged here and there, and healed again.
final class MutantProcess {
  let fake = FakeProcess(tasks: 2, fibrils: 3, stackBytes: 1024)
  private var undo: [(Int, [UInt8])] = []
  private let fibrils: [UInt64] = Array(1...6)

  /// What the reader may read and keep.
  static var limits: TableLimits {
    var limits = TableLimits()
    limits.bytes = 256 << 10
    limits.fibrils = 200
    limits.pointedBytes = 16 << 10
    return limits
  }

  /// The limit, the heads and names, of which this process has few, and what single entries take that are
  /// read again as they are torn.
  static let maximumBytes = 1 << 20

  init() {
    // Frames that lead from one to the next: frame pointer, then return address.
    for fibril in fibrils {
      let top = fake.stack(ofFibril: fibril) + fake.stackBytes
      let pointer = top - FakeProcess.usedBytes
      fake.change(at: pointer + 48) { $0 = pointer + 64 }
      for frame in UInt64(0)..<8 {
        let place = pointer + 64 + frame * 32
        fake.change(at: place) { $0 = frame == 7 ? 0 : place + 32 }
        fake.change(at: place + 8) { $0 = 0x40_1000 + frame * 16 }
      }
    }
  }

  func reader() throws(InspectionError) -> TableReader<FakeProcess> {
    try TableReader(memory: fake, rootAddress: fake.root, processID: 4711, limits: Self.limits)
  }

  func heal() {
    for (offset, bytes) in undo.reversed() { fake.bytes.replaceSubrange(offset..<offset + bytes.count, with: bytes) }
    undo.removeAll(keepingCapacity: true)
    fake.holes = []
    fake.bytesCopied = 0
    fake.beforeCopy = { _ in }
  }

  func mutate(using random: inout Random) {
    for _ in 0..<Int.random(in: 1...6, using: &random) {
      switch Int.random(in: 0..<10, using: &random) {
      case 0: scribble(0..<UInt64(fake.bytes.count), using: &random)
      case 1: scribble(fake.root - FakeProcess.base..<fake.root - FakeProcess.base + 128, using: &random)
      case 2: scribble(fake.slots - FakeProcess.base..<fake.slots - FakeProcess.base + 768, using: &random)
      case 3: damageChunks(using: &random)
      case 4, 5: damageEntry(using: &random)
      case 6, 7: damageStack(using: &random)
      case 8: hole(using: &random)
      default: neverStandStill(using: &random)
      }
    }
  }

  /// Values that hurt.
  private func value(using random: inout Random) -> UInt64 {
    let inside = FakeProcess.base + UInt64.random(in: 0..<UInt64(fake.bytes.count), using: &random)
    return [
      0, 1, .max, .max - 7, 0x7fff_ffff, 0xffff_ffff, 1 << 63, FakeProcess.base, inside, inside & ~7, 255, 65535,
      1 << 20, random.next(),
    ].randomElement(using: &random)!
  }

  private func write(_ value: UInt64, _ size: Int, at offset: Int) {
    guard offset >= 0, offset + size <= fake.bytes.count else { return }
    undo.append((offset, Array(fake.bytes[offset..<offset + size])))
    for index in 0..<size { fake.bytes[offset + index] = UInt8(truncatingIfNeeded: value >> UInt64(8 * index)) }
  }

  private func scribble(_ range: Range<UInt64>, using random: inout Random) {
    let size = [1, 4, 8].randomElement(using: &random)!
    let offset = Int(UInt64.random(in: range, using: &random)) & ~(size - 1)
    write(value(using: &random), size, at: offset)
  }

  /// Chunks that overlap, and lists of them that have no end.
  private func damageChunks(using random: inout Random) {
    let slot = Int(fake.slots - FakeProcess.base) + 256 * Int.random(in: 1...2, using: &random)
    let fibril = fibrils.randomElement(using: &random)!
    let chunks = Int.random(in: 0..<fake.bytes.count, using: &random) & ~7
    write(FakeProcess.base + UInt64(chunks), 8, at: slot + 56)
    write([1, 2, 64, 1 << 18, 0xffff_ffff].randomElement(using: &random)!, 4, at: slot + 64)
    write([1, 4, 1000, 1 << 20].randomElement(using: &random)!, 4, at: slot + 68)
    for index in 0..<8 {
      write(fake.address(ofFibril: fibril) + UInt64(index) * 64, 8, at: chunks + index * 8)
    }
  }

  private func damageEntry(using random: inout Random) {
    let entry = Int(fake.address(ofFibril: fibrils.randomElement(using: &random)!) - FakeProcess.base)
    switch Int.random(in: 0..<6, using: &random) {
    case 0: write(value(using: &random), 8, at: entry + 8 * Int.random(in: 0..<24, using: &random))
    case 1:
      // Waits for a lock that another one holds, or itself.
      write(UInt64(FIBRIL_STATE_BLOCKED.rawValue) | UInt64(FIBRIL_REASON_MUTEX.rawValue) << 8, 2, at: entry + 4)
      let lock = fake.stack(ofFibril: fibrils.randomElement(using: &random)!)
      write(lock, 8, at: entry + 32)
      write(fibrils.randomElement(using: &random)! << 1 | 1, 8, at: Int(lock - FakeProcess.base))
    case 2: write(UInt64.random(in: 0..<8, using: &random), 1, at: entry + 4)
    case 3: write(UInt64.random(in: 0..<32, using: &random), 1, at: entry + 5)
    case 4:
      write(3, 4, at: entry)
      write(UInt64(FIBRIL_STATE_RUNNING.rawValue), 1, at: entry + 4)
    default:
      write(UInt64.random(in: 0..<480, using: &random), 4, at: entry + 100)
      for index in 0..<6 { write(value(using: &random), 8, at: entry + 128 + index * 8) }
    }
  }

  /// Frame pointers and return addresses that lead nowhere, or round and round.
  private func damageStack(using random: inout Random) {
    let top = fake.stack(ofFibril: fibrils.randomElement(using: &random)!) + fake.stackBytes
    let word = Int(top - FakeProcess.usedBytes - FakeProcess.base) + 8 * Int.random(in: 0..<64, using: &random)
    let near = FakeProcess.base + UInt64(word)
    write(
      [near, near - 32, near + 8, near + 16, top, top - 8, value(using: &random)].randomElement(using: &random)!, 8,
      at: word)
  }

  private func hole(using random: inout Random) {
    let start = FakeProcess.base + UInt64.random(in: 0..<UInt64(fake.bytes.count), using: &random)
    fake.holes.append(start..<start + UInt64.random(in: 1...4096, using: &random))
  }

  /// It changes whenever it is looked at.
  private func neverStandStill(using random: inout Random) {
    let entry = Int(fake.address(ofFibril: fibrils.randomElement(using: &random)!) - FakeProcess.base)
    var sequence = UInt64.random(in: 0...9, using: &random)
    let step = UInt64.random(in: 1...2, using: &random)
    write(sequence, 4, at: entry)
    fake.beforeCopy = { [unowned fake] _ in
      sequence &+= step
      fake.bytes[entry] = UInt8(truncatingIfNeeded: sequence)
    }
  }
}

/// The mutant as something to dump.
struct MutantSource: InspectedProcess {
  let process: MutantProcess
  let reader: TableReader<FakeProcess>
  let random: Random

  var processID: Int32 { 4711 }
  var command: String { "mutant" }
  var map: MemoryMap { MemoryMap(mappings: []) }
  var modules: [Module] { [] }

  func copies(of ranges: [Range<UInt64>]) -> MemoryCopy { process.fake.read(ranges) }
  func read(wants: FibrilCopies.Wanted, onFibril: (FibrilSnapshot, FibrilCopies) -> Void) -> Inspection {
    reader.read(command: command, wants: wants, onFibril: onFibril)
  }
  func running() -> [UInt64: UInt64] { reader.running() }

  /// A thread somewhere in the memory.
  func capture(threadID: UInt32, pointed: PointedRanges) -> ThreadCapture {
    var random = random
    let bytes = UInt64(process.fake.bytes.count)
    let place = FakeProcess.base + UInt64.random(in: 0..<bytes, using: &random) & ~7
    let stack = StackCopy(address: place, bytes: process.fake.read([place..<place + 4096])[0])
    var registers = ThreadRegisters(pc: random.next(), stackPointer: place)
    switch random.next() % 4 {
    case 0: return .unavailable("a reason")
    case 1: return .inKernel(isStopped: true, registers, stack)
    case 2:
      let call = ThreadCall(number: UInt32(random.next() % 500), arguments: (0..<6).map { _ in random.next() })
      return .inCall(call, registers, stack)
    default:
      registers.values = (0..<16).map { _ in place + random.next() % 256 & ~7 }
      return .onCPU(registers, stack)
    }
  }

  func neverUsed(_ stacks: [Range<UInt64>]) -> [UInt64?] { stacks.map { _ in nil } }
}
