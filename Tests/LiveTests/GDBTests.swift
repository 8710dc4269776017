// gdb/fibril-gdb.py, in gdb, on live processes and on a core file.
import Foundation
import Testing
import TraceEvents

@Suite struct GDBTests {
  let workload = builtPrograms.appending(path: "fibril-workload").path
  static let script = URL(filePath: #filePath).deletingLastPathComponent()
    .appending(path: "../../gdb/fibril-gdb.py").standardized.path

  /// What gdb prints at commands; what is not its output goes to `errors`.
  private func gdb(_ target: [String], _ commands: String...) throws -> ToolRun {
    // gdb waits for SIGCHLD.
    try withSignals {
      try ToolRun(
        "/usr/bin/gdb",
        ["-q", "-batch", "-nx", "-iex", "set debuginfod enabled off", "-iex", "set auto-load off"] + target
          + (["source \(Self.script)"] + commands).flatMap { ["-ex", $0] })
    }
  }

  /// A fibril's line, and the functions of its backtrace, as they are called in the program.
  private struct Listed {
    var line: Substring
    var functions: [Substring] = []
    var name: Substring { line.dropFirst("fibril:".count).prefix { $0 != " " } }
    var id: Substring { line.split(separator: " id:")[1].prefix { $0 != " " } }
  }

  private func parse(_ text: String) -> [Listed] {
    var fibrils: [Listed] = []
    for line in text.split(separator: "\n") {
      if line.hasPrefix("fibril:") {
        fibrils.append(Listed(line: line))
      } else if let frame = try? /#\d+ +(0x[0-9a-f]+ in )?(\S+) \(.*/.wholeMatch(in: line), !fibrils.isEmpty {
        fibrils[fibrils.count - 1].functions.append(frame.2)
      }
    }
    return fibrils
  }

  /// Every parked fibril of the workload stands in the functions that it was told to.
  private func expectParked(_ text: String, count: Int, depth: Int) {
    let workers = parse(text).filter { $0.name.hasPrefix("worker-") }
    #expect(workers.count == count, "\(text)")
    for worker in workers {
      let own = worker.functions.compactMap { function in
        ["parkHere", "levelEven", "levelOdd"].first { function.contains("\($0.count)\($0)") }
      }
      #expect(own == DumpTests.parkedFunctions(depth: depth), "\(text)")
      #expect(worker.functions.first == "fibril_context_switch" && worker.functions.last == "fibril_context_start")
      #expect(worker.line.hasSuffix(" to be woken"))
    }
  }

  @Test func aLiveProcessThatDoesNotNotice() throws {
    let arguments = ["--tasks", "2", "--fibrils", "5", "--blocks", "3", "--park", "20", "--depth", "6", "--deadlock"]
    let undisturbed = try Subject(workload, arguments)
    let subject = try Subject(workload, arguments)
    _ = try subject.wait { DumpTests.isParked($0, 10) && $0.fibrils.count { $0.reason == .mutex } == 6 }
    let run = try gdb(["-p", "\(subject.id)"], "fibril list", "echo ---\\n", "fibril bt all", "info registers rip")
    #expect(run.status == 0, "\(run.errors)")
    let parts = run.output.components(separatedBy: "---\n")
    #expect(parts.count == 2)
    let listed = parse(parts[0])
    #expect(listed.count == 18)
    for index in 0..<3 {
      let waiting = try #require(listed.first { $0.name == "deadlock-\(index)" })
      let holder = try #require(listed.first { $0.name == "deadlock-\((index + 1) % 3)" })
      #expect(waiting.line.hasSuffix(" held by fibril \(holder.id)"))
    }
    expectParked(parts[1], count: 10, depth: 6)
    let root = try #require(parse(parts[1]).first { $0.name == "root" })
    #expect(root.functions.contains("start_thread") && root.line.contains(" sleep of 20.0 s"))

    let one = try gdb(["-p", "\(subject.id)"], "fibril bt \(listed[1].id)")
    #expect(parse(one.output).map(\.line) == [listed[1].line])
    let none = try gdb(["-p", "\(subject.id)"], "fibril bt 4711")
    #expect(none.errors.contains("there is no fibril 4711: `fibril list` shows those that are"))
    #expect(
      try InProcessDumpTests.counts(subject.outputAtEnd())
        == InProcessDumpTests.counts(undisturbed.outputAtEnd()))
    #expect(subject.process.terminationStatus == 0)
  }

  @Test func aRunningFibril() throws {
    let program = try DumpStandIn(flags: ["-g"])
    let subject = try Subject(program.path, ["spin"])
    _ = try subject.wait { $0.fibrils.count == 4 }
    let run = try gdb(["-p", "\(subject.id)"], "fibril bt 7", "fibril bt 8", "fibril bt 9")
    let fibrils = parse(run.output)
    #expect(fibrils.map(\.functions) == [["inner", "middle", "outer", "main"], [], []], "\(run.output)\(run.errors)")
    #expect(fibrils[0].line.hasSuffix(" running fibril") && fibrils[0].line.contains("evil \u{fffd}[2J name"))
    #expect(run.output.contains(" (in the kernel, no stack)\n") && run.output.contains(" (ended, no stack)\n"))
  }

  @Test(arguments: [false, true])
  func aCoreFile(stripped: Bool) throws {
    let pattern = try String(contentsOfFile: "/proc/sys/kernel/core_pattern", encoding: .utf8)
    try #require(!pattern.hasPrefix("|") && !pattern.hasPrefix("/"), "core files go elsewhere: \(pattern)")
    let folder = try TemporaryFolder()
    let copy = folder.file("copy")
    try FileManager.default.copyItem(atPath: workload, toPath: copy)
    if stripped { #expect(try ToolRun("/usr/bin/env", ["strip", "-s", copy]).status == 0) }
    // Without Swift's own crash reporter, which takes the signal first.
    let subject = try Subject(
      "/bin/sh",
      [
        "-c", "ulimit -c unlimited && cd \"$0\" && SWIFT_BACKTRACE=enable=no exec ./copy \"$@\"", folder.url.path,
        "--fibrils", "3", "--blocks", "0", "--park", "60", "--depth", "4",
      ])
    let snapshot = try subject.wait { DumpTests.isParked($0, 3) }
    kill(subject.id, SIGSEGV)
    _ = subject.outputAtEnd()
    let files = try FileManager.default.contentsOfDirectory(atPath: folder.url.path)
    let core = try #require(files.first { $0.hasPrefix("core") })
    let run = try gdb([copy, folder.file(core)], "fibril bt all")
    #expect(run.status == 0, "\(run.errors)")
    if stripped {
      for fibril in snapshot.fibrils {
        let listed = try #require(parse(run.output).first { $0.id == "\(fibril.fibril)" })
        #expect(listed.functions.count >= 8 && listed.functions.allSatisfy { $0 == "??" || fibril.isRoot })
      }
    } else {
      expectParked(run.output, count: 3, depth: 4)
    }
  }
}
