// What `fibril dump`, `list` and `doctor` say to people: help, wrong usage, and what cannot be done.
import Foundation
import Testing

@Suite struct DumpCommandTests {
  @Test(arguments: [
    ["dump"], ["dump", "-p", "x"], ["dump", "-p", "0"], ["dump", "-p", "-5"], ["dump", "-p", "1", "--nonsense"],
    ["dump", "-p", "1", "--json", "--compact"], ["dump", "-p", "1", "--count", "--sort", "age"],
    ["dump", "-p", "1", "--count", "--verbose"], ["dump", "-p", "1", "-w", "--state", "dead"],
    ["dump", "-p", "1", "--state", "asleep"], ["dump", "-p", "1", "--min-age", "5x"],
    ["dump", "--symbolize", "x", "--json"], ["list", "more"], ["doctor", "--json"],
  ])
  func wrongUsageIs64(arguments: [String]) throws {
    let run = try Run("fibril", arguments)
    #expect(run.status == 64 && run.output == "" && run.errors.contains("--help' for more information"))
  }

  @Test func thereIsNoSuchProcess() throws {
    let run = try Run("fibril", ["dump", "-p", "2147483647"])
    #expect(run.status == 1 && run.output == "")
    #expect(
      run.errors
        == "fibril: cannot inspect process 2147483647: no such process; `fibril list` shows those that can be inspected\n"
    )
  }

  @Test func aProcessWithoutFibrils() throws {
    let sleeper = try Background("/bin/sleep", ["60"])
    let run = try Run("fibril", ["dump", "-p", "\(sleeper.id)"])
    #expect(run.status == 1 && run.output == "")
    #expect(
      run.errors.hasPrefix("fibril: cannot inspect process \(sleeper.id): it links no fibril runtime, or none of"))
    #expect(run.errors.split(separator: "\n").count == 1)
  }

  @Test func aProcessOfAnotherUser() throws {
    try #require(geteuid() == 0, "only root can become somebody else")
    // Nobody has to get at the program, wherever it was built.
    let folder = FileManager.default.temporaryDirectory.appending(path: "fibril-command-\(UUID().uuidString)")
    try FileManager.default.createDirectory(
      at: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o755])
    defer { try? FileManager.default.removeItem(at: folder) }
    let copy = folder.appending(path: "fibril").path
    try FileManager.default.copyItem(atPath: Run.program("fibril"), toPath: copy)
    let sleeper = try Background("/bin/sleep", ["60"])

    func asNobody(_ arguments: String...) throws -> Run {
      try Run("/usr/bin/setpriv", ["--reuid", "65534", "--regid", "65534", "--clear-groups", copy] + arguments)
    }
    let dump = try asNobody("dump", "-p", "\(sleeper.id)")
    #expect(dump.status == 77 && dump.output == "")
    #expect(
      dump.errors == """
        fibril: cannot inspect process \(sleeper.id): not allowed to read its memory; run as its user (where \
        kernel.yama.ptrace_scope is 0), as root, or with CAP_SYS_PTRACE

        """)
    let list = try asNobody("list")
    #expect(list.status == 0 && list.output == "PID      USER          TASKS  FIBRILS  COMMAND\n")
    #expect(list.errors.contains("could not be looked into; root sees all of them"))
    let doctor = try asNobody("doctor")
    #expect(doctor.status == 77)
    #expect(doctor.output.contains("missing  capabilities    no CAP_BPF, CAP_PERFMON and CAP_SYS_PTRACE: run as root"))
    #expect(doctor.output.hasSuffix("tracing does not work, dumping works\n"))
  }

  /// These have no option that names a file.
  @Test(arguments: ["list", "doctor"]) func aFullDisk(command: String) throws {
    let run = try Run("/bin/bash", ["-c", "\"$0\" \"$1\" > /dev/full", Run.program("fibril"), command])
    #expect(run.status == 1)
    #expect(
      run.errors.contains(
        "fibril: cannot write standard output: No space left on device; free some space, or redirect it to another "
          + "place\n"))
  }

  @Test(arguments: [["dump", "-p"], ["list"], ["doctor"]])
  func aClosedPipeEndsItQuietly(arguments: [String]) throws {
    let workload = try Background(
      Run.program("fibril-workload"), ["--fibrils", "500", "--blocks", "0", "--park", "60"])
    var arguments = arguments
    if arguments.last == "-p" {
      arguments.append("\(workload.id)")
      try workload.waitUntilInspectable()
    }
    // As from a shell, which does not ignore SIGPIPE, and as from a service, which does.
    for trap in ["", "trap '' PIPE; "] {
      let run = try Run(
        "/bin/bash", ["-c", trap + "\"$0\" \"$@\" | true; echo ${PIPESTATUS[0]}", Run.program("fibril")] + arguments)
      #expect(!run.errors.contains("write") && !run.errors.contains("pipe"))
      #expect(["0", "141"].contains(run.output.trimmingCharacters(in: .whitespacesAndNewlines)))
    }
  }
}
