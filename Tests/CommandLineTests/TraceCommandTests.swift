// What `fibril trace` says to people: help, wrong usage, and what cannot be traced. Nothing here
// needs more rights than to run a program.
import Foundation
import Testing

@Suite struct TraceCommandTests {
  @Test(arguments: [
    ["-o", "x.json"], ["-p", "1", "--", "true"], ["-p", "0"], ["-p", "x"], ["-p", "1", "-d", "5x"],
    ["-p", "1", "-d", "0s"], ["-p", "1", "-d", "-1s"], ["-p", "1", "-o", "x.txt"], ["-p", "1", "-o", "x.pftrace"],
    ["-p", "1", "-o", "-", "--summary", "-"], ["-p", "1", "-o", "x.json", "--summary", "x.json"],
    ["-p", "1", "--keep", "1s", "--summary", "trace.fbt"],
    ["-p", "1", "--buffer", "3MiB"], ["-p", "1", "--buffer", "4KiB"],
    ["-p", "1", "--buffer", "1e30"], ["-p", "1", "--mode", "exact"], ["-p", "1", "-a"], ["-a", "--", "true"],
    ["-p", "1", "-p", "2", "--mode", "precise"], ["-a", "--mode", "precise"], ["-p", "1", "--stacks"],
    ["-p", "1", "--task", "1"], ["-p", "1", "--mode", "precise", "--events", "submit,nothing"],
    ["-p", "1", "--mode", "precise", "--reasons", ""], ["-p", "1", "--on", "hog>1ms"],
    ["-p", "1", "--keep", "1s", "-o", "x.json"], ["-p", "1", "--keep", "1s", "--on", "hog<1ms"],
    ["-p", "1", "--keep", "1s", "--on", "hog:mutex>1ms"], ["-p", "1", "--keep", "0s"], ["-p", "1", "--keep", "3KB"],
    ["-p", "1", "--compress"], ["-p", "1", "--compress", "-o", "x.json"],
  ])
  func wrongUsageIs64(arguments: [String]) throws {
    let run = try Run("fibril", ["trace"] + arguments)
    #expect(run.status == 64 && run.output == "" && run.errors.contains("--help' for more information"))
  }

  private func failure(_ arguments: [String], status: Int32 = 1) throws -> String {
    let run = try Run("fibril", ["trace"] + arguments)
    #expect(run.status == status && run.output == "")
    return run.errors
  }

  @Test func noSuchProcess() throws {
    #expect(
      try failure(["-p", "2147483647", "-o", "-"]) == """
        fibril: cannot attach to process 2147483647: there is no such process; `fibril list` shows those that can be \
        traced

        """)
  }

  @Test func noProbes() throws {
    let sleeper = try Background("/bin/sleep", ["60"])
    let told = "the binary has no fibril probes; link the Fibril library or include fibril_probes.h\n"
    #expect(
      try failure(["-p", "\(sleeper.id)", "-o", "-"]) == "fibril: cannot attach to process \(sleeper.id): \(told)")
    #expect(try failure(["-o", "-", "--", "/bin/sleep", "60"]) == "fibril: cannot trace /bin/sleep: \(told)")
  }

  /// A kernel thread has no files at all.
  @Test func aKernelThread() throws {
    let told = try failure(["-p", "2", "-o", "-"])
    #expect(told.hasPrefix("fibril: cannot attach to process 2: "))
    // In a container, 2 may be anybody.
    guard (try? String(contentsOfFile: "/proc/2/comm", encoding: .utf8)) == "kthreadd\n", geteuid() == 0 else { return }
    #expect(
      told.hasSuffix(
        ": it has no memory: it is a thread of the kernel, or about to end; `fibril list` shows those that can be traced\n"
      ))
  }

  @Test func noSuchCommand() throws {
    #expect(
      try failure(["-o", "-", "--", "no-such-one"]) == "fibril: cannot run no-such-one: no such command in PATH\n")
    #expect(
      try failure(["-o", "-", "--", "./no/such"]) == "fibril: cannot run ./no/such: No such file or directory\n")
    // A script is no program with probes.
    let folder = try Folder()
    let script = folder.file("script")
    try Data("#!/bin/sh\n".utf8).write(to: URL(filePath: script))
    unsafe _ = chmod(script, 0o755)
    #expect(try failure(["-o", "-", "--", script]).hasPrefix("fibril: cannot trace \(script): "))
  }

  @Test func theOutputCannotBeOpened() throws {
    let workload = Run.program("fibril-workload")
    for option in ["-o", "--summary"] {
      #expect(
        try failure([option, "/no/such/folder/x.json", "--", workload, "--tasks", "1"]) == """
          fibril: cannot write /no/such/folder/x.json: No such file or directory; choose another file with \(option)

          """)
    }
  }

  @Test func withoutRights() throws {
    try #require(geteuid() == 0, "only root can become somebody else")
    let folder = try Folder()
    for program in ["fibril", "fibril-workload"] {
      // By another process: a child that another test starts must not inherit a descriptor that writes it.
      #expect(try Run("/bin/cp", [Run.program(program), folder.file(program)]).status == 0)
    }
    let sleeper = try Background("/bin/sleep", ["60"])
    let remedy = "run as root, or grant CAP_BPF, CAP_PERFMON and CAP_SYS_PTRACE\n"
    for target in [["-p", "\(sleeper.id)"], ["--", folder.file("fibril-workload")]] {
      let run = try Run(
        "/usr/bin/setpriv",
        ["--reuid", "65534", "--regid", "65534", "--clear-groups", folder.file("fibril"), "trace", "-o", "-"] + target)
      #expect(run.status == 77 && run.output == "")
      #expect(run.errors.hasPrefix("fibril: cannot attach to process ") && run.errors.hasSuffix("; \(remedy)"))
      #expect(run.errors.split(separator: "\n").count == 1)
    }
    // What never came to a first byte leaves no file behind, and one that was there as it was.
    let (new, old) = (folder.file("new.json"), folder.file("old.json"))
    try Data("old".utf8).write(to: URL(filePath: old))
    unsafe _ = (chmod(folder.file(""), 0o777), chmod(old, 0o666))
    for path in [new, old] {
      let run = try Run(
        "/usr/bin/setpriv",
        [
          "--reuid", "65534", "--regid", "65534", "--clear-groups", folder.file("fibril"), "trace", "-o", path,
          "--summary", folder.file("summary.json"), "--", folder.file("fibril-workload"),
        ])
      #expect(run.status == 77 && run.errors.hasPrefix("fibril: cannot attach to process "), "\(run.errors)")
    }
    #expect(!FileManager.default.fileExists(atPath: new))
    #expect(!FileManager.default.fileExists(atPath: folder.file("summary.json")))
    #expect(try String(contentsOfFile: old, encoding: .utf8) == "old")
  }
}

/// A folder that everybody can enter, and that goes with the value.
private final class Folder {
  private let url = FileManager.default.temporaryDirectory.appending(path: "fibril-trace-\(UUID().uuidString)")

  init() throws {
    try FileManager.default.createDirectory(
      at: url, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o755])
  }

  deinit { try? FileManager.default.removeItem(at: url) }

  func file(_ name: String) -> String { url.appending(path: name).path }
}
