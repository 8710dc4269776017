// /proc/PID/maps, and this very process as one that is inspected.
import Foundation
import Testing

@testable import Inspection

@Suite struct MemoryMapTests {
  static let text = """
    55d0c0a00000-55d0c0a02000 r--p 00000000 fd:01 1234                       /usr/bin/some program
    55d0c0a02000-55d0c0a05000 r-xp 00002000 fd:01 1234                       /usr/bin/some program
    55d0c0b00000-55d0c0b21000 rw-p 00000000 00:00 0                          [heap]
    7f2b10000000-7f2b10001000 r--p 00000000 fd:01 99                         /usr/share/data
    7f2b20000000-7f2b20003000 r-xp 00000000 fd:01 77                         /lib/gone.so (deleted)
    nonsense
    7ffd1000-7ffd0000 rw-p 00000000 00:00 0
    7ffd4a5e6000-7ffd4a607000 rw-p 00000000 00:00 0                          [stack]
    """

  /// The last page there is has no address behind it.
  @Test func theStackOfACoreFileThatEndsTheAddressSpace() throws {
    let file = try #require(OpenFile("/proc/self/exe"))
    let stack = UInt64.max - 4095..<UInt64.max
    var memory = CoreMemory()
    memory.add(stack.lowerBound, 4095, file, at: 0)
    var budget = 1 << 20
    #expect(memory.leadingZeros(of: stack, &budget) == 0)
  }

  @Test func readsLinesAsTheKernelWritesThem() throws {
    let map = MemoryMap(text: Self.text)
    #expect(map.mappings.count == 6)
    #expect(map.mappings[1].path == "/usr/bin/some program" && map.mappings[1].isExecutable)
    #expect(map.mappings[1].fileOffset == 0x2000 && map.mappings[1].inode == 1234)
    #expect(map.mapping(at: 0x55d0_c0a0_2000)?.fileOffset == 0x2000)
    #expect(map.mapping(at: 0x55d0_c0a0_4fff)?.fileOffset == 0x2000)
    #expect(map.mapping(at: 0x55d0_c0a0_5000) == nil)
    #expect(map.mapping(at: 0) == nil && map.mapping(at: .max) == nil)
    #expect(map.mapping(at: 0x7ffd_4a5e_6000)?.path == "[stack]")
  }

  @Test func modulesAreTheFilesWithCode() {
    let modules = MemoryMap(text: Self.text).modules(ofProcess: 1 << 30, FakeProcess(tasks: 1, fibrils: 1))
    #expect(modules.map(\.name) == ["/usr/bin/some program", "/lib/gone.so (deleted)"])
    #expect(modules.map(\.base) == [0x55d0_c0a0_0000, 0x7f2b_2000_0000])
    #expect(modules[0].addresses == 0x55d0_c0a0_0000..<0x55d0_c0a0_5000)
  }
}

@Suite struct ProcessInspectorTests {
  @Test func aProcessWithoutATableAndOneThatIsNot() throws {
    let sleeper = Process()
    sleeper.executableURL = URL(filePath: "/bin/sleep")
    sleeper.arguments = ["60"]
    try sleeper.run()
    defer {
      kill(sleeper.processIdentifier, SIGKILL)
      sleeper.waitUntilExit()
    }
    let process = sleeper.processIdentifier
    #expect(throws: InspectionError.noTable(process)) { try ProcessInspector(processID: process) }
    #expect(throws: InspectionError.noSuchProcess(0)) { try ProcessInspector(processID: 0) }
    #expect(throws: InspectionError.noSuchProcess(.max)) { try ProcessInspector(processID: .max) }
  }

  @Test func errorsSayWhatToDo() {
    #expect("\(InspectionError.noSuchProcess(7))".hasPrefix("cannot inspect process 7: no such process"))
    #expect("\(InspectionError.noRights(7))".contains("CAP_SYS_PTRACE"))
    #expect("\(InspectionError.noTable(7))".contains("links no fibril runtime, or none of its threads is a task yet"))
  }
}
