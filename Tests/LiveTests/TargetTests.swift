// Processes that are hard to look at: generated code, signals, no rules, replaced files, other namespaces,
// other users.
import Foundation
import Inspection
import Testing
import TraceEvents

/// The stand-in of the dump tests, whose `main` is called by another program in a way of its own.
struct StandInBelow {
  let folder: TemporaryFolder
  let path: String

  /// `library`: the stand-in is a shared library of its own, at `folder/libstand.so`.
  init(_ source: String, flags: [String] = ["-fno-omit-frame-pointer"], library: Bool = false) throws {
    folder = try TemporaryFolder()
    path = folder.file("below")
    try Data(source.utf8).write(to: URL(filePath: folder.file("below.c")))
    try Data(DumpStandIn.source.utf8).write(to: URL(filePath: folder.file("stand-in.c")))
    let contracts = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../../bpf/include").path
    let common = ["clang", "-O1", "-I", contracts, "-Wl,--build-id", "-Dmain=stand_main"] + flags
    let standIn = folder.file("stand-in.c")
    var parts = [standIn]
    if library {
      parts = [folder.file("libstand.so")]
      try Self.compile(
        common + [
          "-shared", "-fPIC", "-Wl,-Bsymbolic", "-Wl,-soname,libstand.so", "-o", parts[0], standIn, "-lpthread",
        ])
    }
    try Self.compile(
      common + ["-Umain", "-o", path, "-Wl,-rpath,$ORIGIN", "-c", "-o", folder.file("below.o"), folder.file("below.c")])
    if !library {
      try Self.compile(common + ["-c", "-o", folder.file("stand-in.o"), standIn])
      parts = [folder.file("stand-in.o")]
    }
    try Self.compile(["clang", "-o", path, folder.file("below.o")] + parts + ["-Wl,-rpath,$ORIGIN", "-lpthread"])
  }

  private static func compile(_ arguments: [String]) throws {
    let run = try ToolRun("/usr/bin/env", arguments)
    guard run.status == 0 else { throw DumpStandIn.Failure(text: run.errors) }
  }

  static let plain = """
    int stand_main(int count, char **arguments);
    int main(void)
    {
      return stand_main(2, (char *[]){"below", "spin", 0});
    }
    """ + "\n"

  /// Code that a program makes for itself: a frame, and a call of what it is given.
  static let generated = #"""
    #include <string.h>
    #include <sys/mman.h>
    int stand_main(int count, char **arguments);
    __attribute__((noinline)) static void deep(void)
    {
      stand_main(2, (char *[]){"below", "spin", 0});
    }
    int main(void)
    {
      unsigned char *code = mmap((void *)0x10000000, 4096, PROT_READ | PROT_WRITE | PROT_EXEC,
                                 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
      memcpy(code, "\x55\x48\x89\xe5\xff\xd7\x5d\xc3", 8);
      ((void (*)(void (*)(void)))code)(deep);
      return 0;
    }
    """# + "\n"

  static let signal = """
    #include <signal.h>
    int stand_main(int count, char **arguments);
    static void handler(int number)
    {
      (void)number;
      stand_main(2, (char *[]){"below", "spin", 0});
    }
    int main(void)
    {
      sigset_t all;

      /* The test's threads block signals, and their children inherit that. */
      sigfillset(&all);
      sigprocmask(SIG_UNBLOCK, &all, 0);
      signal(SIGUSR1, handler);
      raise(SIGUSR1);
      return 0;
    }
    """ + "\n"

  static let undumpable = """
    #include <sys/prctl.h>
    int stand_main(int count, char **arguments);
    int main(void)
    {
      prctl(PR_SET_DUMPABLE, 0);
      return stand_main(2, (char *[]){"below", "spin", 0});
    }
    """ + "\n"
}

@Suite struct TargetTests {
  private let inner = ["inner", "middle", "outer", "stand_main"]

  private func first(_ run: ToolRun) throws -> DumpedFibril {
    try #require(DumpedFibril.parse(run.output).first, "\(run.errors)")
  }

  @Test func generatedCodeIsWalkedThroughAndNamed() throws {
    let program = try StandInBelow(StandInBelow.generated)
    let subject = try Subject(program.path)
    _ = try subject.wait { $0.fibrils.count == 4 }
    let unnamed = try first(.fibril("dump", "-p", "\(subject.id)"))
    #expect(Array(unnamed.functions.prefix(5)) == inner + ["deep"], "\(unnamed.frames)")
    #expect(unnamed.frames[5] == "0x10000006 [unknown code]")
    #expect(unnamed.functions[6] == "main" && unnamed.notes == [])
    let map = "/tmp/perf-\(subject.id).map"
    try Data("10000000 8 made at run time\n".utf8).write(to: URL(filePath: map))
    defer { try? FileManager.default.removeItem(atPath: map) }
    #expect(unsafe chmod(map, 0o644) == 0)
    let named = try first(.fibril("dump", "-p", "\(subject.id)"))
    #expect(named.frames[5] == "made at run time+0x6/0x8 [perf-\(subject.id).map]")
    #expect(named.functions[6] == "main")
  }

  @Test func aSignalHandlerAndWhatItInterrupted() throws {
    let program = try StandInBelow(StandInBelow.signal)
    let subject = try Subject(program.path)
    _ = try subject.wait { $0.fibrils.count == 4 }
    let fibril = try first(.fibril("dump", "-p", "\(subject.id)"))
    #expect(Array(fibril.functions.prefix(5)) == inner + ["handler"], "\(fibril.frames)")
    #expect(fibril.functions.contains("main") && fibril.notes == [])
  }

  @Test func withoutAnyRules() throws {
    let none = ["-fno-asynchronous-unwind-tables", "-fno-unwind-tables", "-fno-omit-frame-pointer"]
    let program = try StandInBelow(StandInBelow.plain, flags: none)
    let subject = try Subject(program.path)
    _ = try subject.wait { $0.fibrils.count == 4 }
    let fibril = try first(.fibril("dump", "-p", "\(subject.id)"))
    // The innermost one spins before it has made its frame, so its caller's counts as its own.
    let functions = fibril.functions.filter { $0 != "middle" }
    #expect(Array(functions.prefix(4)) == ["inner", "outer", "stand_main", "main"], "\(fibril.frames)")
  }

  @Test(arguments: [false, true]) func anotherFileWithItsName(isShared: Bool) throws {
    let program = try StandInBelow(StandInBelow.plain, library: isShared)
    let subject = try Subject(program.path)
    _ = try subject.wait { $0.fibrils.count == 4 }
    let replaced = isShared ? program.folder.file("libstand.so") : program.path
    try FileManager.default.removeItem(atPath: replaced)
    try FileManager.default.copyItem(atPath: "/bin/true", toPath: replaced)
    let fibril = try first(.fibril("dump", "-p", "\(subject.id)"))
    #expect(Array(fibril.functions.prefix(5)) == inner + ["main"], "\(fibril.frames)")
  }

  @Test func inOtherNamespaces() throws {
    let program = try StandInBelow(StandInBelow.plain)
    let folder = try TemporaryFolder()
    let script = #"mount -t tmpfs none "$1" && cp "$0" "$1/inside" && rm "$0" && exec "$1/inside""#
    let launcher = try Subject(
      "/usr/bin/unshare",
      ["--pid", "--mount", "--fork", "--kill-child", "/bin/bash", "-c", script, program.path, folder.url.path])
    let deadline = ContinuousClock.now + .seconds(60)
    var run = try ToolRun.fibril("list")
    var line: Substring?
    while line == nil {
      try #require(ContinuousClock.now < deadline && launcher.process.isRunning)
      run = try ToolRun.fibril("list")
      let children = try String(
        contentsOfFile: "/proc/\(launcher.id)/task/\(launcher.id)/children", encoding: .utf8
      ).split(separator: " ")
      line = run.output.split(separator: "\n").first { line in children.contains { line.hasPrefix($0 + " ") } }
    }
    let id = try #require(line?.split(separator: " ").first.map(String.init))
    let fibril = try first(.fibril("dump", "-p", id))
    #expect(Array(fibril.functions.prefix(5)) == inner + ["main"], "\(fibril.frames)")
  }
}

@Suite struct OwnUserTests {
  private let user = "65534"

  private func asUser(_ user: String, _ arguments: [String]) -> [String] {
    ["--reuid", user, "--regid", user, "--clear-groups", "--inh-caps=-all", "--bounding-set=-all"] + arguments
  }

  /// Everything that another user has to run, where it can.
  private func open(_ folder: TemporaryFolder) throws -> String {
    try #require(geteuid() == 0, "only root can become somebody else")
    let tool = folder.file("fibril")
    #expect(try ToolRun("/bin/cp", [builtPrograms.appending(path: "fibril").path, tool]).status == 0)
    #expect(unsafe chmod(folder.url.path, 0o755) == 0)
    return tool
  }

  @Test func oneMayLookAtOnesOwnProcesses() throws {
    let program = try StandInBelow(StandInBelow.plain, library: true)
    let tool = try open(program.folder)
    let subject = try Subject("/usr/bin/setpriv", asUser(user, [program.path]))
    _ = try subject.wait { $0.fibrils.count == 4 }
    let own = try ToolRun("/usr/bin/setpriv", asUser(user, [tool, "dump", "-p", "\(subject.id)"]))
    #expect(own.status == 0, "\(own.errors)")
    let blocked = DumpedFibril.parse(own.output).first { $0.id == 10 }
    #expect(blocked?.functions == ["fresh"])

    // Only root is led to the mapped file once another one has its name.
    try FileManager.default.removeItem(atPath: program.folder.file("libstand.so"))
    try FileManager.default.copyItem(atPath: "/bin/true", toPath: program.folder.file("libstand.so"))
    let blind = try ToolRun("/usr/bin/setpriv", asUser(user, [tool, "dump", "-p", "\(subject.id)"]))
    #expect(blind.status == 0, "\(blind.errors)")
    #expect(blind.output.contains("libstand.so (deleted) was is not to be had: "), "\(blind.output)")
    let frame = DumpedFibril.parse(blind.output).first { $0.id == 10 }?.frames.first
    #expect(frame?.contains(" [libstand.so (deleted)+0x") == true)

    let other = try ToolRun("/usr/bin/setpriv", asUser("65533", [tool, "dump", "-p", "\(subject.id)"]))
    #expect(other.status == 77 && other.errors.contains("run as its user"), "\(other.errors)")
  }

  @Test func aProcessThatHidesItself() throws {
    let program = try StandInBelow(StandInBelow.undumpable)
    let tool = try open(program.folder)
    let subject = try Subject("/usr/bin/setpriv", asUser(user, [program.path]))
    _ = try subject.wait { $0.fibrils.count == 4 }
    let run = try ToolRun("/usr/bin/setpriv", asUser(user, [tool, "dump", "-p", "\(subject.id)"]))
    #expect(run.status == 77 && run.errors.contains("as root, or with CAP_SYS_PTRACE"), "\(run.errors)")
  }
}
