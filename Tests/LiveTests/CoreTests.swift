// `fibril dump --core`: what it says of a process that was killed is what was said while it lived.
import Foundation
import Inspection
import Testing
import TraceEvents

@Suite struct CoreTests {
  private let workload = builtPrograms.appending(path: "fibril-workload").path

  private func isReading(_ subject: Subject) -> Bool {
    (try? String(contentsOfFile: "/proc/\(subject.id)/syscall", encoding: .utf8))?.hasPrefix("0 0x0 ") == true
  }

  /// Without what time changes.
  private func timeless(_ line: String) -> String {
    line.replacing(/age:\S+ */, with: "").replacing(/[0-9.]+ s left/, with: "").replacing(/stack:\S+ */, with: "")
  }

  @Test(arguments: [1, 12]) func theStacksAreThoseOfTheLiveProcess(depth: Int) throws {
    let core = try CoreSubject(
      workload,
      ["--tasks", "2", "--fibrils", "30", "--blocks", "0", "--park", "100", "--depth", "\(depth)", "--deadlock"])
    _ = try core.subject.wait {
      DumpTests.isParked($0, 60) && $0.fibrils.count { $0.reason == .mutex } == 6
        && $0.tasks.allSatisfy { $0.running == 0 }
    }
    let live = try ToolRun.fibril("dump", "-p", "\(core.subject.id)")
    let dead = try ToolRun.fibril("dump", "--core", core.killed())
    #expect(dead.status == 0 && dead.errors == "")
    // Behind what is said of the deadlocks.
    func fibrils(_ text: String) throws -> [DumpedFibril] {
      DumpedFibril.parse(String(text[try #require(text.firstRange(of: "\ntask:")).lowerBound...]))
    }
    let (before, after) = try (fibrils(live.output), fibrils(dead.output))
    #expect(before.count == 68 && after.count == 68)
    for (one, other) in zip(before, after) {
      #expect(timeless(one.line) == timeless(other.line))
      #expect(one.frames == other.frames && one.notes == other.notes)
      #expect(one.frames.count >= depth && !one.line.contains("stack:-") && !other.line.contains("stack:-"))
    }
    #expect(dead.output.contains(", signal 11 (Segmentation fault) in thread "))
    #expect(live.output.split(separator: "\n").first == dead.output.split(separator: "\n").first)
    #expect(!dead.output.contains("does not hold"))
  }

  @Test(arguments: [["-fno-omit-frame-pointer"], ["-fomit-frame-pointer"]])
  func aRunningFibrilHasTheRegistersOfItsThread(flags: [String]) throws {
    let program = try DumpStandIn(flags: flags)
    let core = try CoreSubject(program.path, ["spin"])
    _ = try core.subject.wait { $0.fibrils.count == 4 }
    let run = try ToolRun.fibril("dump", "--core", core.killed())
    let fibril = try #require(DumpedFibril.parse(run.output).first)
    #expect(fibril.line.hasSuffix("running fibril"))
    #expect(Array(fibril.functions.prefix(4)) == ["inner", "middle", "outer", "main"], "\(run.output)")
    #expect(!fibril.frames.contains { $0.hasPrefix("?") } && fibril.notes == [])
  }

  /// Other than of a live process, its registers are known: nothing is guessed.
  @Test func aFibrilInTheKernel() throws {
    let program = try DumpStandIn(flags: ["-fno-omit-frame-pointer"])
    let core = try CoreSubject(program.path)
    _ = try core.subject.wait { _ in isReading(core.subject) }
    let run = try ToolRun.fibril("dump", "--core", core.killed())
    let fibril = try #require(DumpedFibril.parse(run.output).first)
    #expect(fibril.line.contains("its thread is in the kernel: read(0, 0x"), "\(run.output)")
    #expect(Array(fibril.functions.drop { $0 != "inner" }.prefix(4)) == ["inner", "middle", "outer", "main"])
    #expect(!fibril.frames.contains { $0.hasPrefix("?") })
    #expect(run.output.contains(", signal 11 (Segmentation fault) in thread \(core.subject.id)"))
  }

  @Test func aCoreFileThatADebuggerTook() throws {
    let program = try DumpStandIn(flags: ["-fno-omit-frame-pointer"])
    let subject = try Subject(program.path, ["spin"])
    _ = try subject.wait { $0.fibrils.count == 4 }
    let path = program.folder.file("core")
    let debugger = try ToolRun(
      "/usr/bin/env", ["gdb", "-nx", "-batch", "-p", "\(subject.id)", "-ex", "generate-core-file \(path)"])
    #expect(debugger.status == 0, "\(debugger.errors)")
    let run = try ToolRun.fibril("dump", "--core", path)
    let fibril = try #require(DumpedFibril.parse(run.output).first, "\(run.errors)")
    #expect(Array(fibril.functions.prefix(4)) == ["inner", "middle", "outer", "main"], "\(run.output)")
    #expect(fibril.functions.contains { $0.hasPrefix("__libc_start") } && fibril.notes == [])
  }

  /// The program is where it was, elsewhere, gone, or another one.
  @Test func theProgramOfACoreFile() throws {
    let program = try DumpStandIn(flags: ["-fno-omit-frame-pointer", "-Wl,--build-id"])
    let core = try CoreSubject(program.path, ["spin"])
    _ = try core.subject.wait { $0.fibrils.count == 4 }
    let path = try core.killed()
    let moved = program.folder.file("moved")
    try FileManager.default.moveItem(atPath: program.path, toPath: moved)
    let names = ["inner", "middle", "outer", "main"]

    let without = try ToolRun.fibril("dump", "--core", path)
    let blind = try #require(DumpedFibril.parse(without.output).first, "\(without.errors)")
    #expect(without.output.contains("(\(program.path) is not to be had") && without.output.contains("--exe"))
    #expect(blind.frames[0].contains(" [stand-in+0x"), "\(without.output)")

    let with = try ToolRun.fibril("dump", "--core", path, "--exe", moved)
    #expect(try Array(#require(DumpedFibril.parse(with.output).first).functions.prefix(4)) == names)

    let stripped = program.folder.file("stripped")
    #expect(try ToolRun("/usr/bin/env", ["strip", "-s", "-o", stripped, moved]).status == 0)
    let bare = try #require(
      DumpedFibril.parse(ToolRun.fibril("dump", "--core", path, "--exe", stripped).output).first)
    #expect(bare.frames.count >= 4 && bare.frames[0].contains(" [stand-in+0x") && bare.notes == [])

    let wrong = try ToolRun.fibril("dump", "--core", path, "--exe", "/bin/true")
    #expect(wrong.status == 1 && wrong.errors.contains("with /bin/true: it is not the file that \(program.path) was"))

    try FileManager.default.copyItem(atPath: "/bin/true", toPath: program.path)
    let replaced = try ToolRun.fibril("dump", "--core", path)
    #expect(replaced.output.contains("(\(program.path) is another file by now and is not used; name it with --exe)"))
    #expect(DumpedFibril.parse(replaced.output).first?.frames[0].contains(" [stand-in+0x") == true)
  }

  /// Without the first pages of files nobody can tell whether they are the same.
  @Test func filesThatCannotBeCheckedAreSaidToBeSo() throws {
    let program = try DumpStandIn()
    let core = try CoreSubject(program.path, ["spin"])
    _ = try core.subject.wait { $0.fibrils.count == 4 }
    // Private memory only; bit 4 stands for the first pages.
    try "0x3".write(toFile: "/proc/\(core.subject.id)/coredump_filter", atomically: false, encoding: .utf8)
    let run = try ToolRun.fibril("dump", "--core", core.killed())
    #expect(run.output.contains("the core file does not hold the beginnings of "), "\(run.output)\(run.errors)")
  }

  @Test func filesThatWillNotDoSaySo() throws {
    let program = try DumpStandIn()
    let core = try CoreSubject(program.path, ["spin"])
    _ = try core.subject.wait { $0.fibrils.count == 4 }
    let path = try core.killed()
    let bytes = try Data(contentsOf: URL(filePath: path))
    func failure(_ data: Data) throws -> String {
      let file = core.folder.file("damaged")
      try data.write(to: URL(filePath: file))
      let run = try ToolRun.fibril("dump", "--core", file)
      #expect(run.status == 1 && run.output == "")
      return run.errors.replacing(file, with: "FILE")
    }
    #expect(try ToolRun.fibril("dump", "--core", "/nonexistent").errors.contains("cannot open /nonexistent: No such"))
    #expect(try failure(Data("text".utf8)).hasPrefix("fibril: cannot inspect FILE: it is no core file"))
    #expect(try failure(Data(contentsOf: URL(filePath: "/bin/true"))).contains("it is no core file"))
    var other = bytes
    other[18] = 40
    #expect(try failure(other).contains("another kind of processor (ELF machine 40)"))
    // One page of memory is left, in which the way to the table is.
    let memory = bytes[64 + 56 + 8..<64 + 56 + 16].reversed().reduce(0) { $0 << 8 | Int($1) }
    #expect(try failure(bytes.prefix(memory + 4096)).contains("it is cut off, "))
    let half = core.folder.file("half")
    try bytes.prefix(bytes.count / 2).write(to: URL(filePath: half))
    let rest = try ToolRun.fibril("dump", "--core", half)
    #expect(rest.status == 0 && rest.output.contains("(the core file is cut off: "), "\(rest.errors)")

    let plain = try CoreSubject("/bin/sleep", ["100"])
    let deadline = ContinuousClock.now + .seconds(60)
    while try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/\(plain.subject.id)/exe").hasSuffix("bash") {
      try #require(ContinuousClock.now < deadline)
      usleep(1000)
    }
    let empty = try ToolRun.fibril("dump", "--core", plain.killed())
    #expect(empty.status == 1 && empty.errors.contains("there is no fibril table in it; no module links a fibril"))
  }

  /// Whatever is in the file, reading it has an end.
  @Test func aDamagedCoreFileNeverCrashes() throws {
    let program = try DumpStandIn()
    let core = try CoreSubject(program.path, ["spin"])
    _ = try core.subject.wait { $0.fibrils.count == 4 }
    let path = try core.killed()
    let sound = try [UInt8](Data(contentsOf: URL(filePath: path)))
    let file = core.folder.file("damaged")
    var random = CoreRandom(state: 2026)
    var answers = 0
    for round in 0..<2000 {
      var bytes = sound
      // Headers and notes lie in front; the table is somewhere behind.
      let limit = round % 3 == 0 ? bytes.count : min(bytes.count, 12_000)
      for _ in 0..<Int.random(in: 1...8, using: &random) {
        let size = [1, 2, 4, 8].randomElement(using: &random)!
        let place = Int.random(in: 0..<limit - 8, using: &random) & ~(size - 1)
        let values: [UInt64] = [
          0, 1, .max, .max - 4095, 0x7fff_ffff_ffff_ffff, 1 << 32, 1 << 47, UInt64(bytes.count), random.next(),
        ]
        let value = values.randomElement(using: &random)!
        for index in 0..<size { bytes[place + index] = UInt8(truncatingIfNeeded: value >> (8 * UInt64(index))) }
      }
      if round % 5 == 0 { bytes.removeLast(Int.random(in: 0..<bytes.count, using: &random)) }
      try Data(bytes).write(to: URL(filePath: file))
      guard let inspector = try? CoreInspector(core: file) else { continue }
      answers += 1
      let inspection = inspector.read(wants: .nothing) { _, _ in }
      for task in inspection.snapshot.tasks { _ = inspector.capture(threadID: task.threadID) { _, _ in [] } }
      _ = inspector.neverUsed(inspection.snapshot.fibrils.map(\.stack))
    }
    // The damage is not so bad that nothing is left to read.
    #expect(answers > 100)
  }
}

/// The same numbers for the same seed (splitmix64).
private struct CoreRandom: RandomNumberGenerator {
  var state: UInt64
  mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var word = state
    word = (word ^ (word >> 30)) &* 0xbf58_476d_1ce4_e5b9
    word = (word ^ (word >> 27)) &* 0x94d0_49bb_1331_11eb
    return word ^ (word >> 31)
  }
}
