// What is read from sound, stripped and broken binaries.
import Foundation
import Testing

@testable import ELFNotes

@Suite struct ELFNotesTests {
  @Test(arguments: [["-pie"], ["-no-pie"], ["-pie", "-fuse-ld=lld"], ["-shared", "-Wl,-Bsymbolic"]])
  func findsEveryProbeOfTheProvider(flags: [String]) throws {
    let binary = try SampleBinary(flags: ["-fPIC"] + flags)
    let sites = try ELFNotes.probeSites(inFile: binary.path, provider: "fibril")
    try #require(sites.map(\.name) == ["submit", "block"])
    #expect(sites.map(\.arguments) == ["8@%rdi 8@%rsi", ""])
    let bytes = try binary.bytes
    for site in sites { #expect(bytes[Int(site.fileOffset)] == 0x90) }
    #expect(sites[1].fileOffset - sites[0].fileOffset == 3)
    #expect(sites[1].semaphoreFileOffset == 0)
    let semaphore = Int(sites[0].semaphoreFileOffset)
    #expect(bytes[semaphore..<semaphore + 2].elementsEqual([0x5e, 0x5e]))
    #expect(try ELFNotes.probeSites(inFile: binary.path, provider: "nobody") == [])
  }

  @Test func followsAPrelinkedBase() throws {
    let binary = try SampleBinary()
    let before = try ELFNotes.probeSites(inFile: binary.path, provider: "fibril")
    // The base section moves by two bytes and the note does not know.
    var bytes = try binary.bytes
    let header = try #require(sectionHeader(of: ".stapsdt.base", in: bytes))
    bytes[header + 16] += 2
    let moved = try binary.write(bytes, as: "moved")
    let after = try ELFNotes.probeSites(inFile: moved, provider: "fibril")
    try #require(after.map(\.fileOffset) == before.map { $0.fileOffset + 2 })
    #expect(after[0].semaphoreFileOffset == before[0].semaphoreFileOffset + 2)
  }

  @Test func findsTheTableOfABinaryWithoutSections() throws {
    let binary = try SampleBinary()
    let symbols = try run("nm", [binary.path])
    let line = try #require(symbols.split(separator: "\n").first { $0.hasSuffix(" fibril_root") })
    let expected = try #require(UInt64(line.prefix(16), radix: 16))
    #expect(try ELFNotes.tableNote(inFile: binary.path) == expected)

    try run("strip", ["-s", binary.path])
    #expect(try ELFNotes.tableNote(inFile: binary.path) == expected)
    #expect(try ELFNotes.probeSites(inFile: binary.path, provider: "fibril").count == 2)

    var bytes = try binary.bytes
    for index in 40..<48 { bytes[index] = 0 }  // e_shoff
    for index in 58..<64 { bytes[index] = 0 }  // e_shentsize, e_shnum, e_shstrndx
    let bare = try binary.write(bytes, as: "bare")
    #expect(try ELFNotes.tableNote(inFile: bare) == expected)
    #expect(try ELFNotes.probeSites(inFile: bare, provider: "fibril") == [])
  }

  @Test func theLoaderThatAProgramNames() throws {
    let headers = try run("readelf", ["-lW", "/bin/sleep"])
    let named = try #require(headers.firstMatch(of: /program interpreter: (.*)\]/)).1
    #expect(try ELFNotes.interpreter(inFile: "/bin/sleep") == String(named))
    let library = try SampleBinary(flags: ["-fPIC", "-shared", "-Wl,-Bsymbolic"])
    #expect(try ELFNotes.interpreter(inFile: library.path) == nil)
  }

  @Test func theWorkloadHasEveryProbeAndTheTable() throws {
    let path = URL(filePath: "/proc/self/exe").resolvingSymlinksInPath().deletingLastPathComponent()
      .appending(path: "fibril-workload").path
    let sites = try ELFNotes.probeSites(inFile: path, provider: "fibril")
    let names: Set = ["task_start", "task_stop", "submit", "switch", "block", "wake", "teardown", "batch"]
    #expect(Set(sites.map(\.name)) == names)
    // Each probe's sites share a semaphore of their own, two bytes each.
    let semaphores = Dictionary(grouping: sites, by: \.name).mapValues { Set($0.map(\.semaphoreFileOffset)) }
    #expect(semaphores.values.allSatisfy { $0.count == 1 && $0.first != 0 })
    #expect(Set(semaphores.values.map { $0.first }).count == names.count)
    for site in sites { #expect(!site.arguments.contains("(")) }  // registers only
    let symbols = try run("nm", [path]).split(separator: "\n").filter { $0.hasSuffix(" fibril_root") }
    #expect(symbols.count == 1)
    #expect(try ELFNotes.tableNote(inFile: path) == symbols.first.flatMap { UInt64($0.prefix(16), radix: 16) })
    #expect(try ELFNotes.imageBase(inFile: path) == 0)
  }

  @Test func aBinaryWithoutNotesHasNone() throws {
    #expect(try ELFNotes.tableNote(inFile: "/bin/sh") == nil)
    #expect(try ELFNotes.probeSites(inFile: "/bin/sh", provider: "fibril") == [])
  }

  @Test func namesTheFileAndTheCause() throws {
    #expect(throws: ELFError.cannotOpen(path: "/nonexistent", errno: ENOENT)) {
      try ELFNotes.tableNote(inFile: "/nonexistent")
    }
    #expect(throws: ELFError.notELF(path: "/etc/passwd")) { try ELFNotes.tableNote(inFile: "/etc/passwd") }
    #expect(throws: ELFError.notELF(path: "/tmp")) { try ELFNotes.tableNote(inFile: "/tmp") }
    #expect("\(ELFError.cannotOpen(path: "/x", errno: EACCES))" == "cannot open /x: Permission denied")
  }

  @Test func aTruncatedFileNeverCrashes() throws {
    let binary = try SampleBinary()
    let bytes = try binary.bytes
    for length in stride(from: 0, to: bytes.count, by: 61) {
      read(try binary.write(Array(bytes.prefix(length)), as: "cut"))
    }
  }

  @Test func aMutatedFileNeverCrashes() throws {
    let binary = try SampleBinary()
    let bytes = try binary.bytes
    // Headers, notes and section headers: what the readers look at.
    var random = Random(seed: 2026)
    let extremes: [UInt8] = [0, 1, 0x7f, 0x80, 0xff]
    for _ in 0..<3000 {
      var mutated = bytes
      for _ in 0..<Int.random(in: 1...6, using: &random) {
        let region = Int.random(in: 0..<3, using: &random)
        let place =
          switch region {
          case 0: Int.random(in: 0..<min(1024, bytes.count), using: &random)
          case 1: Int.random(in: max(0, bytes.count - 2048)..<bytes.count, using: &random)
          default: Int.random(in: 0..<bytes.count, using: &random)
          }
        mutated[place] =
          Bool.random(using: &random) ? extremes.randomElement(using: &random)! : .random(in: 0...255, using: &random)
      }
      read(try binary.write(mutated, as: "mutated"))
    }
  }

  /// Any answer will do, an error too.
  private func read(_ path: String) {
    _ = try? ELFNotes.tableNote(inFile: path)
    _ = try? ELFNotes.probeSites(inFile: path, provider: "fibril")
  }
}

/// Where the header of a section lies in a file.
private func sectionHeader(of name: String, in bytes: [UInt8]) -> Int? {
  func number(_ at: Int, _ size: Int) -> Int { (0..<size).reduce(0) { $0 | Int(bytes[at + $1]) << (8 * $1) } }
  let table = number(40, 8)
  let names = number(table + 64 * number(62, 2) + 24, 8)
  return (0..<number(60, 2)).map { table + 64 * $0 }.first { header in
    bytes[(names + number(header, 4))...].prefix { $0 != 0 }.elementsEqual(name.utf8)
  }
}

/// The same numbers for the same seed (splitmix64).
struct Random: RandomNumberGenerator {
  private var state: UInt64
  init(seed: UInt64) { state = seed }
  mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var word = state
    word = (word ^ (word >> 30)) &* 0xbf58_476d_1ce4_e5b9
    word = (word ^ (word >> 27)) &* 0x94d0_49bb_1331_11eb
    return word ^ (word >> 31)
  }
}
