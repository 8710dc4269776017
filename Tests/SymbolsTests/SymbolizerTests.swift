// Symbols, lines and unwind rules of a real binary, whose every address is known.
import Foundation
import Testing

@testable import Symbols

@Suite struct SymbolizerTests {
  static let source = """
    .globl _start
    .type _start, @function
    _start:
      .cfi_startproc
      .cfi_undefined %rip
      call plain
      hlt
      .cfi_endproc
      .size _start, . - _start

    .globl plain
    .type plain, @function
    plain:
      .cfi_startproc
      push %rbx
      .cfi_adjust_cfa_offset 8
      .cfi_offset %rbx, -16
      push %r12
      .cfi_adjust_cfa_offset 8
      .cfi_offset %r12, -24
    .globl in_the_middle
    in_the_middle:
      nop
      pop %r12
      .cfi_adjust_cfa_offset -8
      .cfi_restore %r12
      pop %rbx
      .cfi_adjust_cfa_offset -8
      .cfi_restore %rbx
      ret
      .cfi_endproc
      .size plain, . - plain

    .globl "$s15fibril_workload8WorkloadV4park5depthySi_tF"
    .type "$s15fibril_workload8WorkloadV4park5depthySi_tF", @function
    "$s15fibril_workload8WorkloadV4park5depthySi_tF":
      .cfi_startproc
      push %rbp
      .cfi_def_cfa_offset 16
      .cfi_offset %rbp, -16
      mov %rsp, %rbp
      .cfi_def_cfa_register %rbp
    .globl with_frame
    with_frame:
      nop
      pop %rbp
      .cfi_def_cfa %rsp, 8
      ret
      .cfi_endproc
      .size "$s15fibril_workload8WorkloadV4park5depthySi_tF", . - "$s15fibril_workload8WorkloadV4park5depthySi_tF"
    """

  /// The program, loaded at its own addresses, and those addresses by name.
  final class Program {
    let folder: URL
    var path: String { folder.appending(path: "program").path }
    var addresses: [String: UInt64] = [:]
    let symbolizer: Symbolizer

    init(stripped: Bool = false) throws {
      folder = FileManager.default.temporaryDirectory.appending(path: "fibril-symbols-\(UUID().uuidString)")
      try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
      let source = folder.appending(path: "program.s").path
      let path = folder.appending(path: "program").path
      try Data(SymbolizerTests.source.appending("\n").utf8).write(to: URL(filePath: source))
      let lined = folder.appending(path: "lined.c").path
      try Data("\n\nint lined(int number) {\n  return number + 1;\n}\n".utf8).write(to: URL(filePath: lined))
      try Self.run("clang", ["-g", "-no-pie", "-nostdlib", "-o", path, source, lined])
      for line in try Self.run("nm", [path]).split(separator: "\n") {
        let words = line.split(separator: " ")
        if words.count == 3 { addresses[String(words[2])] = UInt64(words[0], radix: 16) }
      }
      if stripped { try Self.run("strip", ["-s", path]) }
      let base = try #require(addresses["_start"]) & ~0xfff
      symbolizer = Symbolizer(modules: [
        SymbolModule(name: "/else/where/program", source: .file(path), base: base, addresses: base..<base + 0x1000)
      ])
    }

    deinit { try? FileManager.default.removeItem(at: folder) }

    @discardableResult
    static func run(_ tool: String, _ arguments: [String]) throws -> String {
      let process = Process()
      process.executableURL = URL(filePath: "/usr/bin/env")
      process.arguments = [tool] + arguments
      let output = Pipe()
      process.standardOutput = output
      try process.run()
      let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
      process.waitUntilExit()
      try #require(process.terminationStatus == 0, "\(tool) \(arguments) failed")
      return text
    }
  }

  @Test func namesSizesAndLines() throws {
    let program = try Program()
    let plain = try #require(program.addresses["plain"])
    #expect(program.symbolizer.symbol(at: plain + 1) == Symbol(linkageName: "plain", address: plain, size: 8))
    let mangled = "$s15fibril_workload8WorkloadV4park5depthySi_tF"
    let swift = try #require(program.addresses[mangled])
    #expect(program.symbolizer.symbol(at: swift)?.name == "Workload.park(depth:)")
    #expect(
      program.symbolizer.symbol(at: swift)?.fullName == "fibril_workload.Workload.park(depth: Swift.Int) -> ()")
    let lined = try #require(program.addresses["lined"])
    #expect(program.symbolizer.line(at: lined) == SourceLine(file: "lined.c", line: 3))
    #expect(program.symbolizer.symbol(at: lined)?.name == "lined")
    #expect(program.symbolizer.module(at: plain)?.name == "program")
    #expect(program.symbolizer.symbol(at: 0x10) == nil && program.symbolizer.row(at: 0x10) == nil)
    #expect(program.symbolizer.module(at: 0x10) == nil && program.symbolizer.line(at: 0x10) == nil)
  }

  @Test(arguments: [false, true])
  func rulesOfARealBinary(stripped: Bool) throws {
    let program = try Program(stripped: stripped)
    let plain = try #require(program.addresses["plain"])
    #expect(
      program.symbolizer.row(at: plain)
        == UnwindRow(frameAddress: .register(7, offset: 8), returnAddress: .atFrameAddress(-8)))
    #expect(
      program.symbolizer.row(at: try #require(program.addresses["in_the_middle"]))
        == UnwindRow(
          frameAddress: .register(7, offset: 24), returnAddress: .atFrameAddress(-8),
          registers: [
            .init(register: 3, rule: .atFrameAddress(-16)), .init(register: 12, rule: .atFrameAddress(-24)),
          ]))
    #expect(
      program.symbolizer.row(at: try #require(program.addresses["with_frame"]))
        == UnwindRow(
          frameAddress: .register(6, offset: 16), returnAddress: .atFrameAddress(-8),
          registers: [.init(register: 6, rule: .atFrameAddress(-16))]))
    #expect(program.symbolizer.row(at: try #require(program.addresses["_start"]))?.returnAddress == .undefined)
    if stripped { #expect(program.symbolizer.symbol(at: plain) == nil) }
  }

  @Test func namesBecomeReadable() {
    #expect(Demangling.readable("$s4main5outerySiSiFySicfU_") == "closure #1 in outer(_:)")
    #expect(Demangling.readable("_ZN3foo3barEi") == "foo::bar(int)")
    #expect(Demangling.readable("main") == "main")
    #expect(Demangling.readable("_start") == "_start")
    #expect(Demangling.readable("$nonsense") == "$nonsense")
  }

  @Test func filesThatAreNoneHaveNoSymbols() {
    let symbolizer = Symbolizer(modules: [
      SymbolModule(name: "passwd", source: .file("/etc/passwd"), base: 0x1000, addresses: 0x1000..<0x2000),
      SymbolModule(name: "gone", source: .file("/nonexistent"), base: 0x3000, addresses: 0x3000..<0x4000),
      SymbolModule(name: "bad", source: .descriptor(-1), base: 0x5000, addresses: 0x5000..<0x6000),
    ])
    for address in stride(from: UInt64(0x1000), to: 0x6000, by: 0x800) {
      #expect(symbolizer.symbol(at: address) == nil && symbolizer.row(at: address) == nil)
    }
  }
}
