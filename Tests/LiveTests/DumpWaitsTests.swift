// Deadlocks, who blocks whom, and selections, of real processes.
import Foundation
import Testing
import TraceEvents

@Suite struct DumpWaitsTests {
  let workload = builtPrograms.appending(path: "fibril-workload").path

  private func document(_ process: Int32, _ arguments: String...) throws -> [String: Any] {
    let run = try ToolRun.fibril(["dump", "--json", "-p", "\(process)"] + arguments)
    #expect(run.status == 0 && run.errors == "")
    return try #require(JSONSerialization.jsonObject(with: Data(run.output.utf8)) as? [String: Any])
  }

  /// Two tasks, each with a deadlock of three mutexes.
  @Test func aDeadlockOfThreeMutexesIsToldFirst() throws {
    let subject = try Subject(
      workload, ["--tasks", "2", "--fibrils", "5", "--blocks", "0", "--park", "60", "--deadlock"])
    _ = try subject.wait { DumpTests.isParked($0, 10) && $0.fibrils.count { $0.reason == .mutex } == 6 }
    let fibrils = try #require(document(subject.id)["fibrils"] as? [[String: Any]])
    let cycles = try #require(document(subject.id)["cycles"] as? [[String: Any]])
    #expect(cycles.count == 2 && cycles.allSatisfy { $0["end"] as? String == "never" && $0["waiters"] as? Int == 0 })
    var locks: [[String]] = []
    for cycle in cycles {
      let members = try #require(cycle["fibrils"] as? [Int])
      let entries = members.compactMap { id in fibrils.first { $0["id"] as? Int == id } }
      // Each holds its own mutex and waits for that of the next.
      #expect(entries.map { $0["name"] as? String } == ["deadlock-0", "deadlock-1", "deadlock-2"])
      let waits = entries.compactMap { $0["wait"] as? [String: Any] }
      #expect(waits.map { $0["owner"] as? Int } == [members[1], members[2], members[0]])
      locks.append(waits.compactMap { $0["object"] as? String })
    }
    for arguments in [["--compact"], ["--count"], ["--name", "worker-*"], ["--stop"], []] {
      let run = try ToolRun.fibril(["dump", "-p", "\(subject.id)"] + arguments)
      let lines = run.output.split(separator: "\n").map(String.init)
      #expect(lines.count > 4 && lines[2] == "WARNING: deadlock of 3 fibrils that wait for each other in a circle")
      #expect(run.output.ranges(of: "WARNING: deadlock").count == 2)
      for lock in locks {
        let order = [lock[2], lock[0], lock[1], lock[2]].joined(separator: " -> ")
        #expect(run.output.contains(" locks were taken in the order \(order)\n"))
      }
      // All stacks stand there, also those of fibrils that were not asked for.
      let own = DumpedFibril.parse(run.output).filter { $0.name?.hasPrefix("deadlock-") == true }
      if arguments != ["--count"] {
        #expect(own.count == 6)
        #expect(own.allSatisfy { $0.functions.contains { $0.hasPrefix("FibrilMutex.lock") } })
      }
    }
  }

  /// One mutex that fibrils hand around: whoever holds it is always about to go on.
  @Test func ownersThatGoOnAreNoDeadlock() throws {
    let subject = try Subject(
      workload, ["--tasks", "2", "--fibrils", "200", "--blocks", "1000000", "--kind", "mutex"])
    _ = try subject.wait { $0.fibrils.contains { $0.reason == .mutex } }
    var behind = 0
    for _ in 0..<20 {
      let run = try ToolRun.fibril("dump", "-p", "\(subject.id)", "--count")
      #expect(run.status == 0 && !run.output.contains("deadlock") && !run.output.contains("NOTE:"), "\(run.output)")
      if run.output.contains("Blocked behind:") { behind += 1 }
    }
    #expect(behind > 0)
  }

  @Test func selectionsOfALiveProcess() throws {
    let subject = try Subject(workload, ["--tasks", "2", "--fibrils", "300", "--blocks", "0", "--park", "60"])
    let snapshot = try subject.wait { DumpTests.isParked($0, 600) }
    func names(_ arguments: String...) throws -> [String?] {
      let run = try ToolRun.fibril(["dump", "-p", "\(subject.id)"] + arguments)
      #expect(run.status == 0 && run.errors == "")
      return DumpedFibril.parse(run.output).map(\.name)
    }
    #expect(try names("--name", "worker-29?").count == 20)
    #expect(try names("--name", "root", "-w") == ["root", "root"])
    #expect(try names("--task", "\(snapshot.tasks[0].threadID)").count == 301)
    let one = try #require(snapshot.fibrils.first { !$0.isRoot })
    #expect(try names("--fibril", "\(one.fibril)") == [snapshot.names[Int(one.name)]])
    #expect(try names("--min-age", "1h") == [])
    #expect(try names("--state", "dead", "--state", "running") == [])
    let ages = try #require(document(subject.id, "--sort", "age")["fibrils"] as? [[String: Any]])
      .compactMap { $0["age_ns"] as? UInt64 }
    #expect(ages.count == 602 && ages == ages.sorted(by: >))
    let run = try ToolRun.fibril("dump", "-p", "\(subject.id)", "--compact")
    #expect(run.output.contains("602 fibrils in 2 groups with equal stacks:\nfibrils:600 "))
    #expect(run.output.contains("\n names: worker-0 and 599 alike\n"))
    let folder = try TemporaryFolder()
    let file = try ToolRun.fibril("dump", "-p", "\(subject.id)", "--count", "-o", folder.file("counts"))
    #expect(file.status == 0 && file.output == "")
    let written = try String(contentsOfFile: folder.file("counts"), encoding: .utf8)
    #expect(written.contains("    600  ") && written.contains("blocked  wake target\n"))
  }
}
