// `fibril dump` of processes that change all the time, by honest work or by scribbling over their own table:
// what it shows can be, and the process's counts are exact.
import Foundation
import Inspection
import Testing
import TraceEvents

@Suite struct NeverLieTests {
  let workload = builtPrograms.appending(path: "fibril-workload").path

  /// Each fibril switches some ten thousand times a second at a depth that its name tells; thousands of
  /// views, and none is of a stack that cannot be.
  @Test func everyStackIsOneThatCanBe() throws {
    let subject = try Subject(
      workload, ["--tasks", "2", "--fibrils", "100", "--kind", "climb", "--depth", "12", "--blocks", "100000000"])
    _ = try subject.wait { $0.fibrils.count == 202 }
    var views = 0
    for _ in 0..<25 {
      let run = try ToolRun.fibril("dump", "-p", "\(subject.id)")
      #expect(run.status == 0 && run.errors == "")
      let fibrils = DumpedFibril.parse(run.output)
      // An entry that changes while it is read may be missing for that moment only if its fibril is gone.
      #expect(fibrils.count == 202)
      views += fibrils.count { !$0.frames.isEmpty && $0.name != "root" }
      for fibril in fibrils { #expect(ClimbChecks.problem(of: fibril, depth: 12) == nil, "\(run.output)") }
    }
    #expect(views > 2000)
  }

  /// Fibrils come and go all the time: their entries and stacks are others' the next moment.
  @Test(arguments: [[], ["--stop"]])
  func dumpsOfAProcessThatSpawnsAndEnds(options: [String]) throws {
    let arguments = ["--tasks", "2", "--fibrils", "50", "--kind", "spawn", "--blocks", "20000"]
    let undisturbed = try Subject(workload, arguments).outputAtEnd()
    var dumps = 0
    while dumps < 60 {
      let subject = try Subject(workload, arguments)
      _ = try subject.wait { $0.fibrils.count >= 102 }
      while dumps < 60, subject.process.isRunning {
        let run = try ToolRun.fibril(["dump", "-p", "\(subject.id)", "--json"] + options)
        // It ended while it was looked at.
        guard run.status == 0 else {
          #expect(run.errors.contains("no such process") || run.errors.contains("none of its threads is a task"))
          break
        }
        dumps += 1
        let json = try #require(JSONSerialization.jsonObject(with: Data(run.output.utf8)) as? [String: Any])
        let fibrils = try #require(json["fibrils"] as? [[String: Any]])
        // It ended before its names were read, and the dump says so.
        if let problems = json["problems"] as? [String], problems.contains(where: { $0.hasPrefix("names ") }) { break }
        // What changed while it was read says so; of all else every word is true.
        let whole = fibrils.filter { $0["changed_while_read"] as? Bool == false }
        #expect(whole.count == fibrils.count || options.isEmpty)
        let names = Set(whole.compactMap { $0["name"] as? String })
        #expect(names.isSubset(of: Set((0..<50).map { "worker-\($0)" } + ["root", "child"])), "\(names)")
        let ids = fibrils.compactMap { $0["id"] as? UInt64 }
        #expect(Set(ids).count == ids.count || options.isEmpty)
      }
      #expect(subject.outputAtEnd() == undisturbed)
    }
  }

  /// A program that scribbles over its own table for ever: a dump of it ends, with a dump or a clear error.
  @Test func aProcessThatScribblesOverItsTable() throws {
    let program = try DumpStandIn()
    let subject = try Subject(program.path, ["scribble"])
    _ = try subject.wait { _ in true }
    var dumped = 0
    for round in 0..<100 {
      let form = [[], ["--compact"], ["--json"], ["--stop"]][round % 4]
      let run = try ToolRun(
        builtPrograms.appending(path: "fibril").path, ["dump", "-p", "\(subject.id)"] + form, seconds: 60)
      if run.status == 0 {
        dumped += 1
        #expect(run.errors == "" && !run.output.isEmpty)
      } else {
        #expect(run.status == 1 && run.errors.hasPrefix("fibril: cannot inspect process \(subject.id): "), "\(run)")
      }
    }
    #expect(dumped > 0 && subject.process.isRunning)
  }
}
