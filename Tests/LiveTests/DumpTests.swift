// `fibril dump` of real processes: what it says of every fibril, and that the process does not notice.
import Foundation
import Inspection
import Testing
import TraceEvents

@Suite struct DumpTests {
  let workload = builtPrograms.appending(path: "fibril-workload").path

  /// The functions that a parked fibril of the workload stands in, the innermost first.
  static func parkedFunctions(depth: Int) -> [String] {
    ["parkHere"] + (1..<depth).map { $0 % 2 == 1 ? "levelEven" : "levelOdd" }
  }

  static func isParked(_ snapshot: ProcessSnapshot, _ count: Int) -> Bool {
    snapshot.fibrils.count { $0.state == .blocked && $0.reason == .wakeTarget } == count
  }

  @Test(arguments: [1, 5, 12])
  func everyParkedFibrilShowsItsFunctionsOnce(depth: Int) throws {
    let subject = try Subject(
      workload, ["--tasks", "2", "--fibrils", "20", "--blocks", "0", "--park", "60", "--depth", "\(depth)"])
    let snapshot = try subject.wait { Self.isParked($0, 40) }
    let run = try ToolRun.fibril("dump", "-p", "\(subject.id)")
    #expect(run.status == 0 && run.errors == "")
    #expect(
      run.output.hasPrefix("sysrq: Show State of fibril-workload[\(subject.id)]: 42 fibrils in 2 tasks (42 blocked)"))

    let fibrils = DumpedFibril.parse(run.output)
    #expect(fibrils.compactMap(\.id).sorted() == snapshot.fibrils.map { Int($0.fibril) }.sorted())
    let workers = fibrils.filter { $0.name?.hasPrefix("worker-") == true }
    #expect(workers.count == 40)
    let own: Set = ["parkHere", "levelEven", "levelOdd"]
    for worker in workers {
      #expect(worker.functions.filter { own.contains($0) } == Self.parkedFunctions(depth: depth))
      #expect(worker.functions.contains("parkInFunctions"))
      #expect(worker.functions.last == "fibril_context_start")
      #expect(worker.line.hasSuffix(" to be woken"))
      #expect(worker.notes == [])
    }
    let roots = fibrils.filter { $0.name == "root" }
    #expect(roots.count == 2)
    for root in roots {
      #expect(root.functions.contains("WorkPlan.run") && root.functions.contains("start_thread"))
      #expect(root.line.contains(" sleep ") && root.line.hasSuffix(" s left"))
      #expect(workers.count { $0.parent == root.id } == 20)
    }
  }

  /// Three fibrils that each hold what the one before waits for; each line says who that is.
  @Test func aDeadlockShowsWhoHoldsWhat() throws {
    let subject = try Subject(workload, ["--fibrils", "2", "--blocks", "1", "--park", "60", "--deadlock"])
    _ = try subject.wait { Self.isParked($0, 2) && $0.fibrils.count { $0.reason == .mutex } == 3 }
    let run = try ToolRun.fibril("dump", "-p", "\(subject.id)")
    let fibrils = DumpedFibril.parse(run.output)
    for index in 0..<3 {
      let waiting = try #require(fibrils.first { $0.name == "deadlock-\(index)" })
      let holder = try #require(fibrils.first { $0.name == "deadlock-\((index + 1) % 3)" })
      #expect(waiting.line.contains(" mutex 0x"))
      #expect(waiting.line.hasSuffix(" held by fibril \(holder.id!) \"\(holder.name!)\""))
      #expect(waiting.functions.contains { $0.hasPrefix("FibrilMutex.lock") })
    }
  }

  @Test func theProcessDoesNotNotice() throws {
    let arguments = ["--tasks", "2", "--fibrils", "50", "--blocks", "3", "--park", "10"]
    let undisturbed = try Subject(workload, arguments)
    let subject = try Subject(workload, arguments)
    _ = try subject.wait { Self.isParked($0, 100) }
    for _ in 0..<3 {
      #expect(try ToolRun.fibril("dump", "-p", "\(subject.id)").status == 0)
      let status = try String(contentsOfFile: "/proc/\(subject.id)/status", encoding: .utf8)
      #expect(status.contains("TracerPid:\t0\n") && !status.contains("State:\tT") && !status.contains("State:\tt"))
    }
    func counts(_ text: String) throws -> [String: Int] {
      let all = try #require(JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Int])
      // How often a task sleeps meanwhile is a matter of luck.
      return all.filter { ["fibrils", "submits", "blocks", "wakes", "teardowns"].contains($0.key) }
    }
    let seen = try counts(subject.outputAtEnd())
    #expect(try seen == counts(undisturbed.outputAtEnd()))
    #expect(seen.count == 5 && seen["submits"] == 100 && subject.process.terminationStatus == 0)
  }

  @Test func onlyTheBlockedOnes() throws {
    let subject = try Subject(
      workload, ["--tasks", "1", "--fibrils", "2", "--blocks", "1000000000", "--kind", "yield"])
    _ = try subject.wait { $0.fibrils.count == 3 && $0.fibrils.contains { $0.reason == .join } }
    let run = try ToolRun.fibril("dump", "-w", "-p", "\(subject.id)")
    let fibrils = DumpedFibril.parse(run.output)
    #expect(fibrils.contains { $0.name == "root" && $0.line.hasSuffix(" join all") })
    #expect(fibrils.allSatisfy { $0.line.contains(" state:S ") })
  }

  @Test func aBusyFibrilShowsTheStackOfItsThread() throws {
    let subject = try Subject(
      workload, ["--tasks", "1", "--fibrils", "2", "--blocks", "1000000000", "--kind", "yield"])
    _ = try subject.wait { $0.fibrils.contains { $0.state == .running && !$0.isRoot } }
    // Now and then a dump falls between two fibrils; whatever it shows must be true.
    var seen = 0
    for _ in 0..<50 where seen < 3 {
      let run = try ToolRun.fibril("dump", "-p", "\(subject.id)")
      for fibril in DumpedFibril.parse(run.output) where fibril.line.contains("running") && !fibril.frames.isEmpty {
        seen += 1
        let isInPlan = fibril.functions.contains { $0 == "YieldWork.blockOnce" || $0.hasSuffix("WorkPlan.run") }
        #expect(isInPlan, "\(run.output)")
        #expect(fibril.functions.last == "fibril_context_start", "\(run.output)")
      }
    }
    #expect(seen >= 3)
  }

  @Test(arguments: [["-fno-omit-frame-pointer"], ["-fomit-frame-pointer"]])
  func aFibrilOnTheCPU(flags: [String]) throws {
    let program = try DumpStandIn(flags: flags)
    let subject = try Subject(program.path, ["spin"])
    _ = try subject.wait { $0.fibrils.count == 4 }
    let run = try ToolRun.fibril("dump", "-p", "\(subject.id)")
    let fibril = try #require(DumpedFibril.parse(run.output).first)
    #expect(fibril.line.hasSuffix("running fibril") && fibril.line.contains("state:R"))
    #expect(Array(fibril.functions.prefix(4)) == ["inner", "middle", "outer", "main"])
    #expect(!fibril.frames.contains { $0.hasPrefix("?") } && fibril.notes == [])
    // A name cannot steer the terminal.
    #expect(fibril.line.hasPrefix("fibril:evil \u{fffd}[2J name ") && !run.output.utf8.contains(0x1b))
  }

  /// By the id of such a process the kernel shows neither its memory nor its files.
  @Test func aProcessWhoseMainThreadHasExited() throws {
    let program = try DumpStandIn(flags: ["-fno-omit-frame-pointer"])
    let subject = try Subject(program.path, ["orphaned"])
    let snapshot = try subject.wait { $0.fibrils.count == 4 }
    let thread = snapshot.tasks[0].threadID
    #expect(snapshot.processID == subject.id && thread != UInt32(subject.id))
    for id in ["\(subject.id)", "\(thread)"] {
      let run = try ToolRun.fibril("dump", "-p", id)
      #expect(run.status == 0, "\(run.errors)")
      #expect(run.output.hasPrefix("sysrq: Show State of stand-in[\(subject.id)]: 4 fibrils"))
      let fibril = try #require(DumpedFibril.parse(run.output).first)
      #expect(Array(fibril.functions.prefix(4)) == ["inner", "middle", "outer", "main"], "\(run.output)")
      #expect(!fibril.line.contains("stack:-"))
    }
    #expect(try ToolRun.fibril("list").output.contains("\n\(subject.id) "))
  }

  @Test func aStackWithAHole() throws {
    let program = try DumpStandIn(flags: ["-fno-omit-frame-pointer"])
    let subject = try Subject(program.path, ["hollow"])
    _ = try subject.wait { $0.fibrils.count == 4 }
    let run = try ToolRun.fibril("dump", "-p", "\(subject.id)")
    let fibril = try #require(DumpedFibril.parse(run.output).first)
    #expect(Array(fibril.functions.prefix(4)) == ["inner", "hollow", "outer", "main"], "\(run.output)")
    // Above the hole the stack is read later than the registers.
    #expect(fibril.frames.prefix(4).map { $0.hasPrefix("? ") } == [false, false, true, true])
    #expect(fibril.notes == [])
  }

  @Test func theTextIsAsItShouldBe() throws {
    let program = try DumpStandIn(flags: ["-fno-omit-frame-pointer"])
    let subject = try Subject(program.path)
    _ = try subject.wait { _ in
      (try? String(contentsOfFile: "/proc/\(subject.id)/syscall", encoding: .utf8))?.hasPrefix("0 0x0 ") == true
    }
    let run = try ToolRun.fibril("dump", "-p", "\(subject.id)")
    // What differs from run to run: the process, places, ages. What libc calls its functions, too.
    let text = run.output.replacing("\(subject.id)", with: "PID")
      .replacing(/0x[0-9a-f]+/, with: "0x_").replacing(/stack:[0-9]+ +/, with: "stack:N ")
      .replacing(/, asleep for [0-9.]+ ?m?s( in [a-z_0-9]+)?/, with: ", asleep")
      .replacing(/pipe:\[[0-9]+\]/, with: "pipe:[N]")
      .replacing(/age:[0-9]+\.[0-9]{3}s +/, with: "age:N ").replacing(/\(tid PID\) +/, with: "(tid PID) ").replacing(
        /for [0-9]+\.[0-9]{3}s( at most)?/, with: "for N")
    let lines = text.split(separator: "\n").filter { !$0.hasSuffix("[libc.so.6]") && !$0.contains("[libc.so.6] at") }
      .filter {
        !$0.contains("_start+") && !$0.hasPrefix(" (") || $0 == " (in the kernel, no stack)" || $0.contains("ended")
          || $0.contains("not run")
      }
    #expect(
      lines.joined(separator: "\n") == """
        sysrq: Show State of stand-in[PID]: 4 fibrils in 1 task (1 running, 1 runnable, 1 blocked, 1 dead), Stand-in 1
        task:1 tid:PID fibrils:4 runnable:0  held up by fibril 7
        WARNING: task 1 (tid PID) is held up by fibril 7 "evil \u{fffd}[2J name", which blocks the thread in read(0<pipe:[N]>, 0x_, 100)
         for N; 0 runnable fibrils wait behind it
        fibril:evil \u{fffd}[2J name state:R stack:N id:7     task:1(tid PID) parent:0    age:N running fibril, but its thread is in the kernel: read(0<pipe:[N]>, 0x_, 100), asleep
        Call Trace:
         <FIBRIL>
         inner+0x_/0x_ [stand-in]
         ? middle+0x_/0x_ [stand-in]
         ? outer+0x_/0x_ [stand-in]
         ? main+0x_/0x_ [stand-in]
         </FIBRIL>
        fibril:openat          state:S stack:-        id:8     task:1(tid PID) parent:7    age:N pending openat(AT_FDCWD, "/some/\\x1bwhere", O_RDONLY|O_DIRECTORY), on a helper thread
        Call Trace:
         (in the kernel, no stack)
        fibril:-               state:Z stack:-        id:9     task:1(tid PID) parent:7    age:N ended, waiting to be joined
        Call Trace:
         (ended, no stack)
        fibril:fresh           state:R stack:N id:10    task:1(tid PID) parent:7    age:N runnable
        Call Trace:
         <FIBRIL>
         fresh+0x_/0x_ [stand-in]
         </FIBRIL>
         (has not run yet)
        """, "\(run.output)")
  }

  @Test(arguments: [["-fno-omit-frame-pointer"], ["-fomit-frame-pointer"]])
  func aFibrilThatHoldsItsTaskInTheKernel(flags: [String]) throws {
    let program = try DumpStandIn(flags: flags)
    let subject = try Subject(program.path)
    _ = try subject.wait { _ in
      (try? String(contentsOfFile: "/proc/\(subject.id)/syscall", encoding: .utf8))?.hasPrefix("0 0x0 ") == true
    }
    let run = try ToolRun.fibril("dump", "-p", "\(subject.id)")
    let fibril = try #require(DumpedFibril.parse(run.output).first)
    #expect(fibril.line.contains("running fibril, but its thread is in the kernel: read(0<pipe:["))
    #expect(Array(fibril.functions.drop { $0 != "inner" }.prefix(4)) == ["inner", "middle", "outer", "main"])
    // The frame pointer was not known: what hangs on it is marked.
    #expect(fibril.frames.contains { $0.hasPrefix("? middle") } == flags.contains("-fno-omit-frame-pointer"))
  }

  @Test func theFileThatHoldsATaskUp() throws {
    let program = try DumpStandIn()
    let fifo = program.folder.file("nobody writes here")
    #expect(unsafe mkfifo(fifo, 0o600) == 0)
    let subject = try Subject(program.path, ["open", fifo])
    _ = try subject.wait { _ in
      (try? String(contentsOfFile: "/proc/\(subject.id)/syscall", encoding: .utf8))?.hasPrefix("257 ") == true
    }
    let run = try ToolRun.fibril("dump", "-p", "\(subject.id)")
    let fibril = try #require(DumpedFibril.parse(run.output).first)
    let call = "openat(AT_FDCWD, \"\(fifo)\", O_RDONLY)"
    #expect(fibril.line.contains("running fibril, but its thread is in the kernel: \(call), asleep for "))
  }

  @Test func aStoppedProcess() throws {
    let program = try DumpStandIn(flags: ["-fno-omit-frame-pointer"])
    let subject = try Subject(program.path, ["spin"])
    _ = try subject.wait { $0.fibrils.count == 4 }
    kill(subject.id, SIGSTOP)
    _ = try subject.wait { _ in
      (try? String(contentsOfFile: "/proc/\(subject.id)/stat", encoding: .utf8))?.contains(") T ") == true
    }
    let run = try ToolRun.fibril("dump", "-p", "\(subject.id)")
    let fibril = try #require(DumpedFibril.parse(run.output).first)
    #expect(fibril.line.hasSuffix("running fibril, but its thread is stopped"))
    #expect(Array(fibril.functions.prefix(4)) == ["inner", "middle", "outer", "main"])
  }

  @Test(arguments: [false, true])
  func aDeletedBinaryAndAStrippedOne(stripped: Bool) throws {
    let folder = try TemporaryFolder()
    let copy = folder.file("copy")
    try FileManager.default.copyItem(atPath: workload, toPath: copy)
    if stripped { #expect(try ToolRun("/usr/bin/env", ["strip", "-s", copy]).status == 0) }
    let subject = try Subject(copy, ["--fibrils", "1", "--blocks", "0", "--park", "60", "--depth", "3"])
    _ = try subject.wait { Self.isParked($0, 1) }
    try FileManager.default.removeItem(atPath: copy)
    let run = try ToolRun.fibril("dump", "-p", "\(subject.id)")
    let worker = try #require(DumpedFibril.parse(run.output).first { $0.name == "worker-0" })
    #expect(worker.notes == [])
    if stripped {
      // Every frame is there, as a place in the module.
      #expect(worker.frames.allSatisfy { $0.hasPrefix("0x") && $0.contains(" [copy") })
      #expect(worker.frames.count >= 8)
    } else {
      #expect(worker.functions.filter { $0.hasPrefix("level") || $0 == "parkHere" } == Self.parkedFunctions(depth: 3))
      #expect(worker.frames[0].contains(" [copy (deleted)] "))
    }
  }

  @Test func theListNamesIt() throws {
    let subject = try Subject(workload, ["--tasks", "2", "--fibrils", "5", "--blocks", "0", "--park", "60"])
    _ = try subject.wait { Self.isParked($0, 10) }
    let lines = try ToolRun.fibril("list").output.split(separator: "\n")
    #expect(lines.first == "PID      USER          TASKS  FIBRILS  COMMAND")
    let line = try #require(lines.first { $0.hasPrefix("\(subject.id) ") })
    #expect(line.split(separator: " ").map(String.init).suffix(3) == ["2", "12", "fibril-workload"])
    let json = try JSONSerialization.jsonObject(with: Data(ToolRun.fibril("list", "--json").output.utf8))
    let entry = try #require((json as? [[String: Any]])?.first { $0["pid"] as? Int32 == subject.id })
    #expect(entry["tasks"] as? Int == 2 && entry["fibrils"] as? Int == 12)
    #expect(entry["command"] as? String == "fibril-workload" && entry["user"] is String)
  }

  @Test func theDoctorFindsThisMachineFit() throws {
    let run = try ToolRun.fibril("doctor")
    #expect(run.status == 0, "\(run.output)")
    #expect(run.output.hasSuffix("tracing works, dumping works\n"))
  }
}
