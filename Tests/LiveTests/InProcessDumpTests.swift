// The dump that a process writes of itself: what it says beside `fibril dump`, what it says where the
// kernel refuses what it wants, and that it harms nothing at whatever moment it comes.
import Foundation
import Testing
import TraceEvents

@Suite struct InProcessDumpTests {
  let workload = builtPrograms.appending(path: "fibril-workload").path
  let stress = builtPrograms.appending(path: "fibril-stress").path

  /// A dump of so many parked fibrils is written to its end.
  static func isWhole(_ text: String, _ count: Int) -> Bool {
    text.components(separatedBy: "\nfibril:").count == count + 1 && text.hasSuffix(" </FIBRIL>\n")
  }

  /// How often a task sleeps is a matter of luck.
  static func counts(_ text: String) throws -> [String: Int] {
    let all = try #require(JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Int])
    return all.filter { ["fibrils", "submits", "blocks", "wakes", "teardowns"].contains($0.key) }
  }

  @Test func symbolizedItSaysWhatTheTracerSays() throws {
    let arguments = [
      "--tasks", "2", "--fibrils", "10", "--blocks", "2", "--park", "8", "--depth", "7", "--deadlock",
      "--dump-on-quit",
    ]
    let program = try SelfDumper(workload, arguments)
    let undisturbed = try Subject(workload, arguments)
    try program.waitForParked(20)
    let tracers = DumpedFibril.parse(try ToolRun.fibril("dump", "-p", "\(program.id)").output)
    let text = try program.dump { Self.isWhole($0, 28) }
    #expect(firstStrangeLine(text[...]) == nil)
    #expect(text.hasPrefix("sysrq: Show State of fibril-workload[\(program.id)]: 28 fibrils in 2 tasks (28 blocked), "))

    let run = try ToolRun.fibril("dump", "--symbolize", program.errorFile)
    #expect(run.status == 0 && run.errors == "")
    let own = DumpedFibril.parse(run.output)
    #expect(own.count == 28 && tracers.count == 28)
    for fibril in own {
      let same = try #require(tracers.first { $0.id == fibril.id })
      #expect((fibril.name, fibril.parent) == (same.name, same.parent))
      #expect(!fibril.functions.isEmpty && fibril.notes == [])
      if fibril.name == "root" {
        // The C library's own beginning of a thread has no frame.
        #expect(same.functions.starts(with: fibril.functions) && fibril.functions.contains("start_thread"))
      } else {
        #expect(fibril.frames == same.frames)
        #expect(fibril.functions.last == "fibril_context_start")
      }
    }
    // It goes on as if nothing had been.
    let (counts, status) = try program.outputAfterInput()
    #expect(try status == 0 && Self.counts(counts) == Self.counts(undisturbed.outputAtEnd()))
  }

  /// SIGQUIT again and again, to all threads, while fibrils are spawned, switch, wait for each other and end.
  @Test func atAnyMoment() throws {
    let program = try SelfDumper(stress, ["--dumps"])
    try program.waitForParked(0)
    var sent = 0
    let deadline = ContinuousClock.now + .seconds(100)
    while sent < 10000, ContinuousClock.now < deadline {
      for thread in program.threads {
        program.quit(thread: thread)
        sent += 1
        usleep(500)
      }
      try #require(program.isRunning)
    }
    let (text, status) = try program.outputAfterInput()
    #expect(status == 0 && text.hasSuffix(" rounds: all as it must be\n"), "\(text)")
    let dumps = try String(contentsOfFile: program.errorFile, encoding: .utf8)
    let heads = dumps.components(separatedBy: "sysrq: Show State of ").count - 1
    #expect(sent >= 10000 && heads >= 2500, "\(sent) signals, \(heads) dumps")
    #expect(dumps.hasPrefix("sysrq: ") && firstStrangeLine(dumps[...]) == nil)
    #expect(dumps.contains(" (interrupted here)\n"))
  }

  /// Refuses the program what its arguments say, and runs it.
  private static let refuser = #"""
    #define _GNU_SOURCE
    #include <errno.h>
    #include <linux/filter.h>
    #include <linux/seccomp.h>
    #include <sched.h>
    #include <stddef.h>
    #include <string.h>
    #include <sys/mount.h>
    #include <sys/prctl.h>
    #include <sys/syscall.h>
    #include <unistd.h>

    static int refuse(int call)
    {
        struct sock_filter filter[] = {
            BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
            BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, call, 0, 1),
            BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
            BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
        };
        struct sock_fprog program = {sizeof filter / sizeof *filter, filter};

        return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
    }

    int main(int count, char **arguments)
    {
        if (count < 3)
            return 64;
        if (strchr(arguments[1], 'p') && (unshare(CLONE_NEWNS) || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL)))
            return 65;
        if (strchr(arguments[1], 'r') && refuse(SYS_process_vm_readv))
            return 66;
        if (strchr(arguments[1], 'w') && refuse(SYS_pipe2))
            return 67;
        execv(arguments[2], arguments + 2);
        return 68;
    }
    """# + "\n"

  /// r: no process_vm_readv; w: no pipe either; p: no /proc, which the Swift library wants at the start.
  @Test(arguments: ["r", "rw", "p", "rp"])
  func whereTheKernelRefuses(what: String) throws {
    let refuser = try CompiledProgram(text: Self.refuser)
    let program = try SelfDumper(
      refuser.path, [what, workload, "--fibrils", "4", "--blocks", "0", "--park", "60", "--dump-on-quit"])
    try program.waitForParked(4)
    if what.contains("p") {
      let hidden = try ToolRun(
        "/usr/bin/nsenter", ["-t", "\(program.id)", "-m", "mount", "-t", "tmpfs", "none", "/proc"])
      #expect(hidden.status == 0, "\(hidden.errors)")
    }
    let text = try program.dump { text in
      text.components(separatedBy: "\nfibril:").count == 6
        && (text.hasSuffix(" </FIBRIL>\n") || text.hasSuffix("to be had)\n"))
    }
    #expect(text.contains("(no modules: /proc/self/maps cannot be read)\n") == what.contains("p"))
    let workers = DumpedFibril.parse(text).filter { $0.name?.hasPrefix("worker-") == true }
    #expect(workers.count == 4)
    for worker in workers {
      if what.contains("w") {
        #expect(worker.frames.isEmpty && worker.notes.first?.hasPrefix("(its stack cannot be read safely") == true)
      } else {
        #expect(worker.frames.count > 5 && worker.notes == [])
        #expect(worker.frames.allSatisfy { $0.contains(" [fibril-workload+0x") } == !what.contains("p"))
      }
    }
  }

  @Test func aLogWithADumpInIt() throws {
    let program = try SelfDumper(
      workload, ["--fibrils", "1", "--blocks", "0", "--park", "60", "--dump-on-quit", "--depth", "3"])
    try program.waitForParked(1)
    let dump = try program.dump { Self.isWhole($0, 2) }
    let prefixed = dump.split(separator: "\n").map { "Nov 24 host server[1]: \($0)\nsomething else [x+0x1]" }
    let folder = try TemporaryFolder()
    try Data(prefixed.joined(separator: "\n").utf8).write(to: URL(filePath: folder.file("log")))
    let run = try ToolRun.fibril("dump", "--symbolize", folder.file("log"))
    #expect(run.status == 0)
    let frame = /\nNov 24 host server\[1\]:  parkHere\(_:\)\+0x.* \[fibril-workload\] at ParkedStack.swift:/
    #expect(run.output.contains(frame))
    #expect(run.output.contains("\nsomething else [x+0x1]\n") && run.output.hasSuffix("something else [x+0x1]"))

    // The same text where the file is another build.
    let other = dump.replacing(/build-id:[0-9a-f]{4}/, with: "build-id:0000")
    try Data(other.utf8).write(to: URL(filePath: folder.file("other")))
    let refused = try ToolRun.fibril("dump", "--symbolize", folder.file("other"))
    #expect(refused.status == 0 && refused.output.contains("/fibril-workload (no symbols: "))
    #expect(refused.output.contains(" is another build, ") && !refused.output.contains("parkHere"))
  }
}
