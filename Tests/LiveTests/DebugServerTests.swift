// Debug information from a debuginfod server on this machine: one that has it, one that never answers, and
// none that was asked for.
import Foundation
import Testing
import TraceEvents

@Suite struct DebugServerTests {
  /// A server in Python that prints its port and then a line a request.
  private static let server = """
    import http.server, socket, sys, time
    class Handler(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *more): super().__init__(*more, directory=sys.argv[2])
        def log_message(self, *more): print(self.path, flush=True)
    if sys.argv[1] == "serve":
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        print(server.server_address[1], flush=True)
        server.serve_forever()
    else:
        listener = socket.create_server(("127.0.0.1", 0))
        print(listener.getsockname()[1], flush=True)
        held = []
        while True: held.append(listener.accept())
    """

  private let program: DumpStandIn
  private let subject: Subject

  init() throws {
    program = try DumpStandIn(flags: ["-g", "-fno-omit-frame-pointer", "-Wl,--build-id"])
    let tool = "/usr/bin/env"
    let text = try ToolRun(tool, ["readelf", "-n", program.path]).output
    let id = try #require(text.firstMatch(of: /Build ID: ([0-9a-f]+)/)).1
    let folder = program.folder.url.appending(path: "www/buildid/\(id)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    let debug = folder.appending(path: "debuginfo").path
    #expect(try ToolRun(tool, ["objcopy", "--only-keep-debug", program.path, debug]).status == 0)
    #expect(try ToolRun(tool, ["strip", "-s", program.path]).status == 0)
    try Data(Self.server.utf8).write(to: URL(filePath: program.folder.file("server.py")))
    subject = try Subject(program.path, ["spin"])
    _ = try subject.wait { $0.fibrils.count == 4 }
  }

  private func dump(_ more: [String]) throws -> ToolRun {
    try ToolRun(
      "/usr/bin/env",
      [
        "-u", "DEBUGINFOD_URLS", "DEBUGINFOD_CACHE_PATH=\(program.folder.file("cache"))",
      ] + more + [builtPrograms.appending(path: "fibril").path, "dump", "-p", "\(subject.id)"])
  }

  /// A server and its port.
  private func serve(_ how: String) throws -> (server: Process, url: String) {
    let process = Process()
    process.executableURL = URL(filePath: "/usr/bin/python3")
    process.arguments = [program.folder.file("server.py"), how, program.folder.file("www")]
    let pipe = Pipe()
    process.standardOutput = pipe
    try process.runLimited()
    var port = ""
    while !port.hasSuffix("\n") {
      let byte = pipe.fileHandleForReading.readData(ofLength: 1)
      try #require(!byte.isEmpty, "the server does not start")
      port += String(decoding: byte, as: UTF8.self)
    }
    return (process, "http://127.0.0.1:\(port.dropLast())")
  }

  private func end(_ process: Process) {
    kill(process.processIdentifier, SIGKILL)
    process.waitUntilExit()
  }

  @Test func aServerIsAskedOnlyWhereOneIsNamed() throws {
    let (server, url) = try serve("serve")
    defer { end(server) }
    let alone = try dump([])
    #expect(DumpedFibril.parse(alone.output).first?.frames[0].hasPrefix("0x") == true && alone.errors == "")
    let helped = try dump(["DEBUGINFOD_URLS=\(url)"])
    let fibril = try #require(DumpedFibril.parse(helped.output).first)
    #expect(Array(fibril.functions.prefix(4)) == ["inner", "middle", "outer", "main"], "\(helped.errors)")
    #expect(fibril.frames[1].contains(" at stand-in.c:"))
    #expect(helped.errors.contains("asking \(url) for the debug information of stand-in\n"))
  }

  @Test func aServerThatHangsIsGivenUp() throws {
    let (server, url) = try serve("hang")
    defer { end(server) }
    let run = try dump(["DEBUGINFOD_URLS=\(url)", "DEBUGINFOD_TIMEOUT=1"])
    #expect(run.status == 0 && DumpedFibril.parse(run.output).count == 4)
    #expect(run.errors.contains("no answer from \(url): given up, and not asked again"), "\(run.errors)")
  }

  /// A text names many modules; all of them together wait once.
  @Test func aServerThatHangsIsWaitedForOnceInAText() throws {
    let (server, url) = try serve("hang")
    defer { end(server) }
    let text = try ToolRun("/usr/bin/env", ["readelf", "-n", program.path]).output
    let id = try #require(text.firstMatch(of: /Build ID: ([0-9a-f]+)/)).1
    let log = program.folder.file("log")
    let lines = try (1...3).map { number in
      let copy = program.folder.file("copy\(number)")
      try FileManager.default.copyItem(atPath: program.path, toPath: copy)
      return " module 0x\(number)000-0x\(number)fff build-id:\(id) \(copy)\n 0x\(number)200 [copy\(number)+0x200]\n"
    }
    try Data(lines.joined().utf8).write(to: URL(filePath: log))
    let run = try ToolRun(
      "/usr/bin/env",
      [
        "DEBUGINFOD_URLS=\(url)", "DEBUGINFOD_TIMEOUT=1", "DEBUGINFOD_CACHE_PATH=\(program.folder.file("cache"))",
        builtPrograms.appending(path: "fibril").path, "dump", "--symbolize", log,
      ])
    #expect(run.status == 0 && run.output == lines.joined())
    #expect(run.errors.components(separatedBy: "asking ").count == 2, "\(run.errors)")
    #expect(run.errors.components(separatedBy: "no answer from ").count == 2, "\(run.errors)")
  }
}
