// Calls that have no frame of their own, out of real debug information and out of damaged one.
import Foundation
import Testing

@testable import Symbols

/// A program of which one function holds two inlined calls, and the address of the innermost.
struct InlinedProgram {
  static let source = """
    extern volatile int sink;
    volatile int sink;

    static inline __attribute__((always_inline)) void innermost(int number)
    {
      sink = number;
      __asm__ volatile("here: nop");
      sink = number + 1;
    }

    static inline __attribute__((always_inline)) void between(int number)
    {
      sink = 7;
      innermost(number);
      sink = 8;
    }

    void outside(int number)
    {
      sink = 1;
      between(number + 1);
      sink = 2;
    }

    void _start(void)
    {
      outside(sink);
      for (;;)
        ;
    }

    """

  let folder: TestFolder
  let path: String
  let place, base: UInt64

  init(flags: [String] = []) throws {
    folder = try TestFolder()
    let text = folder.file("inlined.c")
    path = folder.file("inlined")
    try Data(Self.source.utf8).write(to: URL(filePath: text))
    try SymbolizerTests.Program.run(
      "clang", ["-g", "-O1", "-no-pie", "-nostdlib", "-fno-inline-functions", "-o", path, text] + flags)
    var addresses: [String: UInt64] = [:]
    for line in try SymbolizerTests.Program.run("nm", [path]).split(separator: "\n") {
      let words = line.split(separator: " ")
      if words.count == 3 { addresses[String(words[2])] = UInt64(words[0], radix: 16) }
    }
    place = try #require(addresses["here"])
    base = place & ~0xfff
  }

  func symbolizer(_ file: String? = nil, roots: [String] = [""], notice: @escaping (String) -> Void = { _ in })
    -> Symbolizer
  {
    Symbolizer(
      modules: [
        SymbolModule(
          name: "/opt/inlined", source: .file(file ?? path), base: base, addresses: base..<base + 0x1000, roots: roots)
      ], notice: notice)
  }

  /// What is to be said of the innermost call.
  func expect(_ symbolizer: Symbolizer) {
    let place = symbolizer.place(at: place)
    #expect(
      place
        == SourcePlace(
          inlined: [
            InlinedCall(name: "innermost", linkageName: "innermost", line: SourceLine(file: "inlined.c", line: 7)),
            InlinedCall(name: "between", linkageName: "between", line: SourceLine(file: "inlined.c", line: 14)),
          ], line: SourceLine(file: "inlined.c", line: 21)))
    #expect(symbolizer.line(at: self.place) == SourceLine(file: "inlined.c", line: 7))
  }
}

/// A folder that goes with the value.
final class TestFolder {
  let url = FileManager.default.temporaryDirectory.appending(path: "fibril-symbols-\(UUID().uuidString)")
  init() throws { try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true) }
  deinit { try? FileManager.default.removeItem(at: url) }
  func file(_ name: String) -> String { url.appending(path: name).path }
}

@Suite struct InlineTests {
  @Test(arguments: ["-gdwarf-4", "-gdwarf-5"]) func inlinedCallsAreNamed(version: String) throws {
    let program = try InlinedProgram(flags: [version])
    let symbolizer = program.symbolizer()
    program.expect(symbolizer)
    #expect(symbolizer.symbol(at: program.place - 1)?.name == "outside")
    #expect(symbolizer.place(at: program.base)?.inlined.isEmpty != false)
  }

  @Test func damagedDebugInformationNeverCrashes() throws {
    let program = try InlinedProgram()
    let sound = try [UInt8](Data(contentsOf: URL(filePath: program.path)))
    var random = Random(seed: 2026)
    // Behind the code: the debug information, the symbols and the section table.
    let first = sound.count / 4
    let file = program.folder.file("damaged")
    for _ in 0..<1000 {
      var bytes = sound
      for _ in 0..<Int.random(in: 1...6, using: &random) {
        let place = Int.random(in: first..<bytes.count, using: &random)
        bytes[place] = [0, 1, 0x7f, 0x80, 0xff, .random(in: 0...255, using: &random)].randomElement(using: &random)!
      }
      try Data(bytes).write(to: URL(filePath: file))
      let place = program.symbolizer(file).place(at: program.place)
      #expect((place?.inlined.count ?? 0) <= 128)
    }
  }
}
