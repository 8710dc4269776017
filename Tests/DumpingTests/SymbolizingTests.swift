// The lines of an in-process dump get symbols; all other lines pass as they are.
import ELFNotes
import Foundation
import Testing
import TraceEvents

@testable import Dumping

@Suite struct SymbolizingTests {
  private func finish(_ lines: [String]) -> [String] {
    var symbolizing = DumpSymbolizing()
    return lines.map { String(decoding: symbolizing.finish(Array($0.utf8)[...]), as: UTF8.self) }
  }

  @Test func anythingElsePassesUnchanged() {
    let lines = [
      "", " ", "]", " []", " 0x", " 0x]", " 0x1 [+0x1]", " 0x10 [a+0x]", " 0x10 [a+0x1", " 0x1 [a+0x2]", " ? ?",
      " 0x11111111111111111 [a+0x1]", " 0x10 [a+0x11111111111111111]", "+0x1]", " 0x10 [a+0x1] at x.swift:1",
      " module 0x1", " module 0x2-0x1 build-id:00 /a", " module 0x1-0x2 build-id:0 /a",
      " module 0x1-0x2 build-id:zz /a", " module 0x1-0x2 build-id:- ", "fibril:", "fibril: state:", "fibril:+ state:R",
      "fibril:a+0x1 state:R",
      "fibril:a+ state:", "state: fibril:a+0x1", " <FIBRIL>", " </FIBRIL>", "Call Trace:",
      "\u{fffd}\u{0} 0x1 [\u{0}+0x1]",
      String(repeating: " 0x10 [", count: 1000) + "+0x1]",
    ]
    #expect(finish(lines) == lines.map { $0 + "\n" })
  }

  @Test func modulesWithoutSymbolsSayWhy() throws {
    let lines = finish([
      " module 0x1000-0x2000 build-id:0102 [vdso]", " module 0x1000-0x2000 build-id:- /bin/sh",
      " module 0x1000-0x2000 build-id:0102 /nowhere/at all", " module 0x1000-0x2000 build-id:0102 /bin/sh",
      " 0x1010 [sh+0x10]",
    ])
    #expect(lines[0].hasSuffix("[vdso] (no symbols: it is no file)\n"))
    #expect(lines[1].contains("/bin/sh (no symbols: the process had no build id of it"))
    #expect(lines[2].contains("/nowhere/at all (no symbols: cannot open /nowhere/at all: No such file or directory"))
    #expect(lines[3].contains("/bin/sh (no symbols: /bin/sh is another build, "))
    #expect(lines[4] == " 0x1010 [sh+0x10]\n")
  }

  /// The C library as this process has it.
  private func library() throws -> (base: UInt64, line: String) {
    let maps = try #require(contentsOfProcFile("/proc/self/maps", limit: 64 << 20))
    let first = try #require(maps.split(separator: "\n").first { $0.hasSuffix("/libc.so.6") })
    let base = try #require(UInt64(first.prefix { $0 != "-" }, radix: 16))
    let path = String(first[first.firstIndex(of: "/")!...])
    let id = try #require(try ELFNotes.buildID(inFile: path))
    let digits = id.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    let (low, high) = (String(base, radix: 16), String(base + (4 << 20), radix: 16))
    return (base, " module 0x\(low)-0x\(high) build-id:\(digits) \(path)")
  }

  @Test func placesBecomeSymbols() throws {
    let (base, module) = try library()
    let function = UInt64(UInt(bitPattern: unsafe dlsym(nil, "qsort")))
    let hexadecimal = { (number: UInt64) in "0x" + String(number, radix: 16) }
    func frame(_ pc: UInt64) -> String { " \(hexadecimal(pc)) [libc.so.6+\(hexadecimal(pc - base))]" }
    let lines = finish([
      frame(function + 1), module, "log: \(module)", frame(function + 1), "a log: ?" + frame(function + 1), " <FIBRIL>",
      frame(function), frame(function), frame(function) + " (interrupted here)",
      "fibril:libc.so.6+\(hexadecimal(function - base)) state:R",
    ])
    #expect(lines[0] == frame(function + 1) + "\n")
    #expect(lines[1] == module + "\n" && lines[2] == "log: \(module)\n")
    #expect(lines[3].hasPrefix(" qsort+0x1/0x") && lines[3].contains(" [libc.so.6]"))
    #expect(lines[4].hasPrefix("a log: ? qsort+0x1/0x"))
    // A stack's first frame that begins a function has not run; another one is behind a call that is the last thing in
    // a function.
    #expect(lines[6].hasPrefix(" qsort+0x0/0x"))
    #expect(!lines[7].contains(" qsort+"))
    #expect(lines[8].hasPrefix(" qsort+0x0/0x") && lines[8].hasSuffix(" (interrupted here)\n"))
    #expect(lines[9] == "fibril:qsort           state:R\n")
    // The same build at another place is as good; of two builds nobody knows which one is meant.
    let name = "fibril:libc.so.6+\(hexadecimal(function - base)) state:R"
    let again = module.replacing(hexadecimal(base), with: "0x1000")
    let other = " module 0x2000-0x3000 build-id:0102 /elsewhere/libc.so.6"
    let names = finish([again, module, name, other, name])
    #expect(names[2] == "fibril:qsort           state:R\n" && names[4] == name + "\n")
  }
}
