// A runtime that is not ours, of which the tracer knows nothing but the public headers: Examples/foreign.
import Foundation
import Inspection
import Testing
import TraceEvents

@Suite struct ForeignRuntimeTests {
  private func example(by compiler: CompiledProgram.Compiler = .cc, flags: [String] = []) throws -> CompiledProgram {
    try CompiledProgram(["Examples/foreign/foreign.c", "Examples/foreign/strands.c"], by: compiler, flags: flags)
  }

  private func expectSame(
    _ trace: TraceResults, _ printed: [String: UInt64], sourceLocation: SourceLocation = #_sourceLocation
  ) {
    #expect(trace.status == 0, "\(trace.errors)", sourceLocation: sourceLocation)
    #expect(printed.keys.count == 9 && trace.summary["lost"] == 0, sourceLocation: sourceLocation)
    for (key, value) in printed { #expect(trace.summary[key] == value, "\(key)", sourceLocation: sourceLocation) }
    let counts = ["submits", "blocks", "wakes", "switches", "sleeps", "resumes", "teardowns"]
    #expect(
      trace.summary["events"] == counts.reduce(2 * printed["tasks"]!) { $0 + printed[$1]! },
      sourceLocation: sourceLocation)
  }

  /// Its events are enough; the table is for `list`, `dump` and fibrils from before the trace.
  @Test(arguments: CompiledProgram.Compiler.allCases, [[], ["-DWITHOUT_TABLE"]])
  func everyNumberIsItsOwn(compiler: CompiledProgram.Compiler, flags: [String]) throws {
    let program = try example(by: compiler, flags: flags)
    let command = [program.path, "--tasks", "3", "--fibrils", "100", "--blocks", "16"]
    let (trace, output) = try TraceResults.ofCommand([], command)
    expectSame(trace, try numbers(Data(output.utf8)))
    let names = trace.events.filter { $0["name"] as? String == "thread_name" }
      .compactMap { ($0["args"] as? [String: Any])?["name"] as? String }
    #expect(names.count { $0.hasPrefix("passer-") } == 300)
    // Two sleeps each, and wakes that came from other tasks.
    #expect(trace.slices("fibril") { $0.hasPrefix("blocked: sleep") }.count == 2 * 300)
    #expect(trace.slices("fibril") { $0 == "UNKNOWN" }.isEmpty)
    #expect(trace.count(phase: "s") == Int(trace.summary["wakes"]!))
  }

  @Test(arguments: [[], ["-DWITHOUT_TABLE"]])
  func attachedByProcess(flags: [String]) throws {
    let program = try example(flags: flags)
    let subject = try Subject(
      program.path, ["--tasks", "2", "--fibrils", "50", "--blocks", "40", "--wait-for-tracer", "60"])
    try subject.waitUntilTraceable()
    let trace = try BackgroundTrace(["-p", "\(subject.id)"]).results()
    expectSame(trace, try numbers(Data(subject.outputAtEnd().utf8)))
  }

  @Test func aStaticProgramInCPlusPlus() throws {
    let program = try example(by: .cxx, flags: ["-static", "-flto"])
    let (trace, output) = try TraceResults.ofCommand([], [program.path, "--tasks", "2", "--fibrils", "20"])
    expectSame(trace, try numbers(Data(output.utf8)))
  }

  @Test func itsFibrilsAreDumpedAndListed() throws {
    let program = try example(flags: ["-g"])
    let subject = try Subject(program.path, ["--tasks", "2", "--fibrils", "7", "--blocks", "4", "--park", "60"])
    _ = try subject.wait { snapshot in
      snapshot.fibrils.count == 16 && snapshot.tasks.allSatisfy { $0.running == 0 }
        && snapshot.fibrils.allSatisfy { $0.state == .blocked }
        && snapshot.fibrils.count { $0.reason == .sleep } == 2
    }
    let list = try ToolRun.fibril("list", "--json")
    let rows = try #require(JSONSerialization.jsonObject(with: Data(list.output.utf8)) as? [[String: Any]])
    let row = try #require(rows.first { $0["pid"] as? Int32 == subject.id })
    #expect(row["tasks"] as? Int == 2 && row["fibrils"] as? Int == 16)
    let dump = try ToolRun.fibril("dump", "-p", "\(subject.id)")
    let fibrils = DumpedFibril.parse(dump.output)
    #expect(fibrils.count == 16 && dump.output.contains("Strands 1"))
    #expect(fibrils.count { $0.name == "root" && $0.line.contains(" sleep ") } == 2)
    #if arch(x86_64)
      let passers = fibrils.filter { $0.name?.hasPrefix("passer-") == true }
      #expect(passers.count == 14)
      #expect(passers.allSatisfy { $0.line.contains(" to be woken") && $0.functions.contains("run") })
    #endif
    // A trace that begins now knows them all.
    let trace = try BackgroundTrace(["-p", "\(subject.id)", "-d", "100ms"]).results()
    #expect(trace.summary["fibrils"] == 14 && trace.summary["events"] == 0 && trace.summary["lost"] == 0)
    #expect(trace.slices("fibril") { $0 == "blocked: wake target" }.count == 14)
  }

  @Test func bpftraceListsItsProbes() throws {
    let program = try example()
    let run = try ToolRun("/usr/bin/bpftrace", ["-l", "usdt:\(program.path):fibril:*"])
    let names = run.output.split(separator: "\n").map { String($0.split(separator: ":").last!) }
    #expect(Set(names) == ["task_start", "task_stop", "submit", "switch", "block", "wake", "teardown", "batch"])
  }
}
