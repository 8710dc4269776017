// `fibril dump --stop`: the picture is of one moment, and the process goes on as if nothing had been,
// whatever becomes of the tracer.
import Foundation
import Testing
import TraceEvents

@testable import Inspection

@Suite struct StopTests {
  let workload = builtPrograms.appending(path: "fibril-workload").path

  /// The functions of a climbing fibril of the workload that has a certain depth, the innermost first.
  static func climbed(_ depth: Int) -> [String] {
    ["summit"] + (1...depth).map { $0 % 2 == 0 ? "stepEven" : "stepOdd" }
  }

  static func status(_ process: Int32, _ field: String) -> String? {
    guard let text = try? String(contentsOfFile: "/proc/\(process)/status", encoding: .utf8) else { return nil }
    return text.split(separator: "\n").first { $0.hasPrefix(field + ":") }?.split(separator: "\t").last.map(String.init)
  }

  /// Two tasks that switch as fast as they can: in each exactly one fibril runs, nothing is torn, and no
  /// stack is one that cannot be.
  @Test func everyPictureIsOfOneMoment() throws {
    let arguments = ["--tasks", "2", "--fibrils", "40", "--kind", "climb", "--depth", "9", "--blocks", "20000"]
    let undisturbed = try Subject(workload, arguments).outputAtEnd()
    var pictures = 0
    while pictures < 200 {
      let subject = try Subject(workload, arguments)
      _ = try subject.wait { $0.fibrils.count == 82 }
      while pictures < 200 {
        let frozen: FrozenProcess
        do throws(InspectionError) {
          let inspector = try ProcessInspector(processID: subject.id)
          frozen = try FrozenProcess(inspector, wants: .init(stacks: { _ in true }, pointed: { _, _ in [] }))
        } catch {
          // It has ended.
          if error == .noSuchProcess(subject.id) || error == .noTable(subject.id) { break }
          throw error
        }
        let inspection = frozen.read(wants: .nothing) { _, _ in }
        guard inspection.snapshot.fibrils.count == 82 else { break }
        pictures += 1
        #expect(inspection.problems == [] && !inspection.snapshot.fibrils.contains { $0.changedWhileRead })
        for task in inspection.snapshot.tasks where task.running != 0 {
          #expect(inspection.snapshot.fibrils.count { $0.task == task.task && $0.state == .running } == 1)
        }
        #expect(frozen.stop?.unstopped == [])
      }
      #expect(subject.outputAtEnd() == undisturbed)
    }
  }

  @Test func itsStacksAreThoseThatCanBe() throws {
    let subject = try Subject(
      workload, ["--tasks", "2", "--fibrils", "40", "--kind", "climb", "--depth", "9", "--blocks", "2000000"])
    _ = try subject.wait { $0.fibrils.count == 82 }
    for _ in 0..<20 {
      let run = try ToolRun.fibril("dump", "--stop", "-p", "\(subject.id)")
      #expect(run.status == 0 && run.errors == "")
      #expect(run.output.split(separator: "\n")[0].contains(/, stopped for [0-9]+ (ms|us)/))
      let fibrils = DumpedFibril.parse(run.output)
      #expect(fibrils.count == 82 && fibrils.count { $0.line.contains("running fibril") } == 2)
      for fibril in fibrils { #expect(ClimbChecks.problem(of: fibril, depth: 9) == nil, "\(run.output)") }
      #expect(!run.output.contains("changed while read"))
      #expect(Self.status(subject.id, "TracerPid") == "0")
    }
  }

  /// The tracer is killed as soon as the kernel says that it traces: the process goes on and its counts are
  /// those of one that nobody looked at.
  @Test func theTracerIsKilledWhileTheProcessStandsStill() throws {
    let arguments = ["--tasks", "2", "--fibrils", "10000", "--kind", "yield", "--blocks", "40"]
    let undisturbed = try Subject(workload, arguments).outputAtEnd()
    var kills = 0
    while kills < 10 {
      let subject = try Subject(workload, arguments)
      _ = try subject.wait { $0.fibrils.count > 1000 }
      while subject.process.isRunning, kills < 10 {
        let tracer = try Subject(
          builtPrograms.appending(path: "fibril").path, ["dump", "--stop", "-p", "\(subject.id)"],
          output: FileHandle.nullDevice)
        while tracer.process.isRunning, Self.status(subject.id, "TracerPid") == "0" {}
        guard tracer.process.isRunning else { continue }
        kill(tracer.id, SIGKILL)
        tracer.process.waitUntilExit()
        #expect([nil, "0"].contains(Self.status(subject.id, "TracerPid")))
        if tracer.process.terminationReason == .uncaughtSignal { kills += 1 }
      }
      #expect(subject.outputAtEnd() == undisturbed)
    }
  }

  @Test func aStoppedProcessStaysStopped() throws {
    let program = try DumpStandIn(flags: ["-fno-omit-frame-pointer"])
    let subject = try Subject(program.path, ["spin"])
    _ = try subject.wait { $0.fibrils.count == 4 }
    kill(subject.id, SIGSTOP)
    _ = try subject.wait { _ in Self.status(subject.id, "State")?.hasPrefix("T") == true }
    let run = try ToolRun.fibril("dump", "--stop", "-p", "\(subject.id)")
    let fibril = try #require(DumpedFibril.parse(run.output).first)
    #expect(fibril.line.hasSuffix("running fibril, but its thread is stopped"))
    #expect(Array(fibril.functions.prefix(4)) == ["inner", "middle", "outer", "main"])
    #expect(Self.status(subject.id, "State")?.hasPrefix("T") == true && Self.status(subject.id, "TracerPid") == "0")
    kill(subject.id, SIGCONT)
    _ = try subject.wait { _ in Self.status(subject.id, "State")?.hasPrefix("R") == true }
  }

  /// All registers are known, so no frame is a guess, on the CPU or in the kernel.
  @Test(arguments: ["spin", "read"], [["-fno-omit-frame-pointer"], ["-fomit-frame-pointer"]])
  func registersAreExact(mode: String, flags: [String]) throws {
    let program = try DumpStandIn(flags: flags)
    let subject = try Subject(program.path, [mode])
    _ = try subject.wait { _ in
      mode == "spin"
        || (try? String(contentsOfFile: "/proc/\(subject.id)/syscall", encoding: .utf8))?.hasPrefix("0 0x0 ") == true
    }
    let run = try ToolRun.fibril("dump", "--stop", "-p", "\(subject.id)")
    let fibril = try #require(DumpedFibril.parse(run.output).first)
    #expect(fibril.line.contains("running fibril, but its thread is in the kernel: read(0<") == (mode == "read"))
    #expect(Array(fibril.functions.drop { $0 != "inner" }.prefix(4)) == ["inner", "middle", "outer", "main"])
    #expect(!fibril.frames.contains { $0.hasPrefix("?") } && fibril.notes == [], "\(run.output)")
  }

  @Test func aDebuggerIsInTheWayOnlyOfAStop() throws {
    let program = try DumpStandIn()
    let subject = try Subject(program.path, ["spin"])
    _ = try subject.wait { $0.fibrils.count == 4 }
    let debugger = try ProcessStop(processID: subject.id)
    let refused = try ToolRun.fibril("dump", "--stop", "-p", "\(subject.id)")
    let beside = try ToolRun.fibril("dump", "-p", "\(subject.id)")
    _ = debugger.thaw()
    #expect(refused.status == 1 && refused.output == "")
    #expect(
      refused.errors == """
        fibril: cannot stop process \(subject.id): process \(getpid()) traces it already; end that debugger, or leave \
        out --stop, which works beside one

        """)
    #expect(beside.status == 0 && DumpedFibril.parse(beside.output).count == 4)
  }

  /// Without --stop the command makes no call that could stop the process, write to it or send it a signal.
  @Test func withoutStopNothingIsDoneToTheProcess() throws {
    let subject = try Subject(workload, ["--tasks", "2", "--fibrils", "50", "--kind", "yield", "--blocks", "4000000"])
    _ = try subject.wait { $0.fibrils.count == 102 }
    let calls = """
      trace=ptrace,process_vm_writev,kill,tkill,tgkill,rt_sigqueueinfo,rt_tgsigqueueinfo,pidfd_send_signal
      """
    func callsMade(_ options: [String]) throws -> String {
      let folder = try TemporaryFolder()
      let run = try ToolRun(
        "/usr/bin/env",
        ["strace", "-f", "-qq", "-e", calls, "-e", "signal=none", "-o", folder.file("calls")]
          + [builtPrograms.appending(path: "fibril").path, "dump", "-p", "\(subject.id)"] + options)
      #expect(run.status == 0 && DumpedFibril.parse(run.output).count == 102)
      return try String(contentsOfFile: folder.file("calls"), encoding: .utf8)
    }
    #expect(try callsMade([]) == "")
    #expect(try callsMade(["--stop"]).contains("ptrace(PTRACE_SEIZE, \(subject.id)"))
  }
}
