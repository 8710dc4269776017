import Foundation

/// Attaches to a program under load and detaches again, many times. Says in a line of JSON what came of it, and fails
/// if the program did not do as it does untraced, or something is left of a round in it or in the tracer.
///
/// `fibril-soak ROUNDS PROGRAM [ARGUMENT ...]`; the program works until its standard input ends, and says then how it
/// went (Tests/NeverHarm/harm.c). `make soak` runs it for long, the live tests for as long as they have time.
@main
struct Soak {
  static func main() {
    do {
      try run()
    } catch {
      say("\(error)")
      exit(1)
    }
  }

  private static func say(_ text: String) {
    FileHandle.standardError.write(Data("fibril-soak: \(text)\n".utf8))
  }

  private static func run() throws {
    let arguments = CommandLine.arguments
    guard arguments.count > 2, let rounds = Int(arguments[1]), rounds > 0 else {
      say("usage: fibril-soak ROUNDS PROGRAM [ARGUMENT ...]")
      exit(64)
    }
    let untraced = try ProgramReport(SoakedProgram(arguments[2], Array(arguments.dropFirst(3))).end())
    let subject = try SoakedProgram(arguments[2], Array(arguments.dropFirst(3)))
    try waitUntilTraceable(subject.id)
    var sink = SoakSink()
    var duration = Durations()
    var early = Usage.now()
    for round in 1...rounds {
      try traceOnce(subject.id, into: &sink, &duration)
      // By now everything that is made once is there.
      if round <= min(20, rounds) { early = Usage.now() }
      if round % 500 == 0 {
        let usage = Usage.now()
        let held = "\(usage.residentBytes >> 10) KiB, \(usage.descriptors) descriptors"
        say("\(round) rounds, \(sink.records) records; the tracer holds \(held)")
      }
    }
    let late = Usage.now()
    let raised = try subject.raisedSemaphores()
    let report = try ProgramReport(subject.end())
    let grown = Usage(
      descriptors: late.descriptors - early.descriptors, mappings: late.mappings - early.mappings,
      residentBytes: late.residentBytes - early.residentBytes)
    print(
      """
      {"rounds":\(rounds),"records":\(sink.records),"descriptors":\(grown.descriptors),"mappings":\(grown.mappings),\
      "resident_bytes":\(grown.residentBytes),"attach_us":\(duration.attaching / 1000 / UInt64(rounds)),\
      "detach_us":\(duration.detaching / 1000 / UInt64(rounds)),"program":\(report.text)}
      """)
    var problems = report.problems(comparedWith: untraced)
    func expect(_ condition: Bool, _ problem: String) { if !condition { problems.append(problem) } }
    expect(subject.process.terminationStatus == 0, "the program ended with status \(subject.process.terminationStatus)")
    expect(sink.lost == 0, "\(sink.lost) records were lost")
    expect(sink.repeated == 0, "\(sink.repeated) records came in two rounds")
    expect(raised == 0, "\(raised) semaphores of the program are still raised")
    expect(grown.descriptors == 0, "the tracer has \(grown.descriptors) descriptors more than at first")
    // Memory is given back by halves; what leaks in each round would be far more.
    expect(grown.mappings <= 16, "the tracer has \(grown.mappings) mappings more than at first")
    expect(grown.residentBytes < 16 << 20, "the tracer holds \(grown.residentBytes) bytes more than at first")
    for problem in problems { say(problem) }
    if !problems.isEmpty { exit(1) }
  }
}
