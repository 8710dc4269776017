// Stripped files, and where their debug information is found, or refused.
import Foundation
import Testing

@testable import Symbols

@Suite struct DebugFileTests {
  private let program: InlinedProgram
  private let stripped: String

  init() throws {
    // dwz knows no later version.
    program = try InlinedProgram(flags: ["-Wl,--build-id", "-gdwarf-4"])
    stripped = program.folder.file("stripped")
  }

  private func strip(link: Bool) throws {
    try SymbolizerTests.Program.run(
      "objcopy", ["--only-keep-debug", program.path, program.folder.file("inlined.debug")])
    try SymbolizerTests.Program.run("objcopy", ["--strip-all", program.path, stripped])
    if link {
      try SymbolizerTests.Program.run(
        "objcopy", ["--add-gnu-debuglink=\(program.folder.file("inlined.debug"))", stripped])
    }
  }

  private func move(to folder: String, as name: String = "inlined.debug") throws {
    let folder = program.folder.url.appending(path: "root\(folder)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    try FileManager.default.copyItem(
      atPath: program.folder.file("inlined.debug"), toPath: folder.appending(path: name).path)
  }

  private func buildIDPath() throws -> (folder: String, name: String) {
    let text = try SymbolizerTests.Program.run("readelf", ["-n", program.path])
    let id = try #require(text.firstMatch(of: /Build ID: ([0-9a-f]+)/)).1
    return ("/usr/lib/debug/.build-id/\(id.prefix(2))", "\(id.dropFirst(2)).debug")
  }

  @Test(arguments: ["/opt", "/opt/.debug", "/usr/lib/debug/opt"]) func byItsLink(folder: String) throws {
    try strip(link: true)
    try move(to: folder)
    program.expect(program.symbolizer(stripped, roots: [program.folder.file("root")]))
    let elsewhere = program.symbolizer(stripped, roots: [program.folder.file("nowhere")])
    #expect(elsewhere.place(at: program.place) == nil && elsewhere.symbol(at: program.place) == nil)
  }

  @Test func byItsBuildID() throws {
    try strip(link: false)
    let (folder, name) = try buildIDPath()
    try move(to: folder, as: name)
    program.expect(program.symbolizer(stripped, roots: ["/nonexistent", program.folder.file("root")]))
  }

  /// Another build's debug file, under both names under which the right one would lie.
  @Test func thatOfAnotherBuildIsRefused() throws {
    try strip(link: true)
    let other = try InlinedProgram(flags: ["-Wl,--build-id", "-DOTHER", "-Wl,-Ttext=0x555000"])
    try FileManager.default.removeItem(atPath: program.folder.file("inlined.debug"))
    try FileManager.default.copyItem(atPath: other.path, toPath: program.folder.file("inlined.debug"))
    let (folder, name) = try buildIDPath()
    try move(to: folder, as: name)
    try move(to: "/opt")
    var notices: [String] = []
    let symbolizer = program.symbolizer(stripped, roots: [program.folder.file("root")]) { notices.append($0) }
    #expect(symbolizer.place(at: program.place) == nil && symbolizer.symbol(at: program.place) == nil)
    #expect(notices.count == 2 && notices.allSatisfy { $0.hasSuffix("another build than inlined and is not used") })
  }

  /// A debug file whose names lie in another one, that of a whole package (dwz).
  @Test(arguments: ["/usr/lib/debug/.dwz/x86_64/package.debug", "../../.dwz/package.debug", ""])
  func namesInASharedFile(link: String) throws {
    let other = program.folder.file("other")
    try FileManager.default.copyItem(atPath: program.path, toPath: other)
    let shared = program.folder.file("shared")
    try SymbolizerTests.Program.run(
      "dwz", ["-m", shared, "-M", link.isEmpty ? "/nowhere" : link, program.path, other])
    try strip(link: false)
    let (folder, name) = try buildIDPath()
    try move(to: folder, as: name)
    try FileManager.default.removeItem(atPath: program.folder.file("inlined.debug"))
    try FileManager.default.moveItem(atPath: shared, toPath: program.folder.file("inlined.debug"))
    let roots = [program.folder.file("root")]
    if link.isEmpty {
      // The file is not there; no other one has its names.
      let inlined = program.symbolizer(stripped, roots: roots).place(at: program.place)?.inlined ?? []
      #expect(inlined.allSatisfy { $0.name == "-" })
    } else {
      try move(to: link.hasPrefix("/") ? "/usr/lib/debug/.dwz/x86_64" : "/usr/lib/debug/.dwz", as: "package.debug")
      program.expect(program.symbolizer(stripped, roots: roots))
    }
  }

  /// Without a build id the checksum in the link decides.
  @Test(arguments: [false, true]) func byItsChecksum(isChanged: Bool) throws {
    let program = try InlinedProgram(flags: ["-Wl,--build-id=none"])
    let stripped = program.folder.file("stripped")
    let debug = program.folder.file("inlined.debug")
    try SymbolizerTests.Program.run("objcopy", ["--only-keep-debug", program.path, debug])
    try SymbolizerTests.Program.run("objcopy", ["--strip-all", program.path, stripped])
    try SymbolizerTests.Program.run("objcopy", ["--add-gnu-debuglink=\(debug)", stripped])
    let folder = program.folder.url.appending(path: "root/opt")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    var bytes = try Data(contentsOf: URL(filePath: debug))
    if isChanged { bytes.append(0) }
    try bytes.write(to: folder.appending(path: "inlined.debug"))
    let symbolizer = program.symbolizer(stripped, roots: [program.folder.file("root")])
    if isChanged { #expect(symbolizer.place(at: program.place) == nil) } else { program.expect(symbolizer) }
  }

  /// A name that leaves the folder, and a FIFO that nobody writes, under the link's name.
  @Test func aLinkThatIsATrap() throws {
    try strip(link: true)
    let folder = program.folder.url.appending(path: "root/opt")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    #expect(unsafe mkfifo(folder.appending(path: "inlined.debug").path, 0o600) == 0)
    #expect(program.symbolizer(stripped, roots: [program.folder.file("root")]).place(at: program.place) == nil)
  }
}

@Suite struct PerfMapTests {
  @Test func namesOfGeneratedCode() throws {
    let map = PerfMap(
      name: "perf-7.map",
      text: """
        7f0000001000 40 old
        0x7f0000001000 40 LazyCompile:~work main.js:12
        nonsense
        7f0000002000 0 empty
        ffffffffffffffff 10 beyond
        7f0000003000 10 $s4main5outerySiSiFySicfU_
        7f0000004000 ffff80ffffffb000 vast

        """)
    #expect(
      map.symbol(at: 0x7f00_0000_103f)
        == Symbol(linkageName: "LazyCompile:~work main.js:12", address: 0x7f00_0000_1000, size: 0x40))
    #expect(map.symbol(at: 0x7f00_0000_3001)?.name == "closure #1 in outer(_:)")
    #expect(map.symbol(at: 0x7f00_0000_4000)?.size == 0xffff_80ff_ffff_b000)
    for address: UInt64 in [0, 0x7f00_0000_1040, 0x7f00_0000_2000, .max] { #expect(map.symbol(at: address) == nil) }
  }

  @Test func onlyThatOfTheProcessItself() throws {
    let folder = try TestFolder()
    let path = folder.file("perf-7.map")
    try Data("1000 40 made\n".utf8).write(to: URL(filePath: path))
    #expect(unsafe chmod(path, 0o644) == 0)
    #expect(PerfMap(path: path, owner: getuid())?.symbol(at: 0x1001)?.name == "made")
    #expect(unsafe chmod(path, 0o666) == 0)
    #expect(PerfMap(path: path, owner: getuid()) == nil)
    #expect(unsafe chmod(path, 0o644) == 0 && symlink(path, folder.file("link")) == 0)
    #expect(PerfMap(path: folder.file("link"), owner: getuid()) == nil)
    #expect(PerfMap(path: folder.file("none"), owner: getuid()) == nil)
    if getuid() == 0 {
      #expect(unsafe chown(path, 12345, 12345) == 0)
      #expect(PerfMap(path: path, owner: 0) == nil)
    }
  }
}
