// However a process ends, what its tasks had recorded until then is in the trace, to the event.
import Foundation
import Testing

@testable import BPFLoader
@testable import TraceEvents

@Suite struct EndTests {
  /// How a session gets at what a process had recorded last.
  enum Means: CaseIterable {
    /// By the kernel's programs alone: the session looks at nothing before the end.
    case programs
    /// By reading the buffers: there are no such programs.
    case buffers
    /// Both, as it is used.
    case both
  }

  /// Traces the program to its end and has its output.
  private func trace(
    _ mode: EndStandIn.Mode, _ means: Means = .both, tasks: Int = 4, options: TraceSession.Options = .init()
  ) throws -> (trace: RecordedTrace, said: [SaidCounts], totals: TraceSession.Totals, process: Int32) {
    let program = try EndStandIn()
    let subject = try Subject(program.path, [mode.rawValue, "\(tasks)", "60", "7", "traced"])
    try subject.waitUntilTraceable()
    var options = options
    options.usesSchedulerEvents = means != .buffers
    let session = TraceSession(scope: .processes([subject.id]), options: options)
    try session.attach()
    var trace = RecordedTrace()
    if means == .programs {
      trace.mayLackNames = true
    } else {
      try session.collect(into: &trace) { $0.images.first?.names.isEmpty == false }
    }
    try (subject.process.standardInput as? Pipe)?.fileHandleForWriting.close()
    let output = subject.outputAtEnd()
    let totals = try session.collectToTheEnd(into: &trace)
    return (trace, SaidCounts.all(in: output), totals, subject.id)
  }

  private func expectWhole(_ image: RecordedTrace.Image, _ said: [SaidCounts], _ tasks: Int) {
    #expect(image.lost == 0 && said.count == tasks)
    let counted = image.countsByThread
    #expect(counted.count == tasks)
    for task in said { #expect(counted[task.thread] == task.counts, "\(task)") }
  }

  @Test(arguments: [EndStandIn.Mode.kill, .segv, .exit, .threads], Means.allCases)
  func everyEventIsThere(mode: EndStandIn.Mode, means: Means) throws {
    let (trace, said, totals, process) = try trace(mode, means)
    let image = try trace.only()
    #expect(image.process.processID == process && image.process.origin == .attached)
    expectWhole(image, said, 4)
    guard means != .buffers else {
      #expect(image.ending == .exited(status: nil))
      return
    }
    #expect(totals.endIsKnown)
    let status: Int32 =
      switch mode {
      case .kill: SIGKILL
      // Or-ed with 0x80 where a core is dumped.
      case .segv: SIGSEGV
      case .exit: 3 << 8
      default: 0
      }
    guard case .exited(let seen?) = image.ending else {
      Issue.record("\(String(describing: image.ending))")
      return
    }
    #expect(seen & ~0x80 == status)
  }

  /// The ring has no room for all that the threads leave: the rest is lost, and counted.
  @Test func theRingIsFullAtTheEnd() throws {
    let (trace, said, totals, _) = try trace(.kill, .programs, tasks: 8, options: .init(ringBytes: 1 << 16))
    let image = try trace.only()
    #expect(totals.endIsKnown && image.ending == .exited(status: SIGKILL))
    // A task's start, two records a submit, one of every other event.
    let made = said.reduce(0) { $0 + 1 + $1.counts.reduce(0, +) + $1.counts[0] }
    #expect(said.count == 8 && image.received + image.lost == UInt64(made))
    // Unless the buffers were found when the probes had just been attached: their names tell.
    #expect(image.lost > 0 || !image.names.isEmpty)
    #expect(image.received > 0 && image.begins.count == 8)
  }

  /// The kernel's programs cannot read pages that are not there. Who has the buffers can, and who has not says so,
  /// unless somebody who looked into the process has brought its pages back.
  @Test(arguments: [Means.programs, .both])
  func pagesMayHaveBeenTakenAway(means: Means) throws {
    let (trace, said, totals, _) = try trace(.evict, means)
    let image = try trace.only()
    #expect(image.ending == .exited(status: SIGKILL) && (totals.endIsKnown || means == .programs))
    if totals.endIsKnown { expectWhole(image, said, 4) }
  }

  /// The first thread ends while it is traced; the others go on, and what they do then is there too.
  @Test func theFirstThreadMayEndFirst() throws {
    let (trace, said, _, _) = try trace(.leaveThreads)
    let image = try trace.only()
    let tasks = said.filter { $0.who == "task" }
    let later = said.filter { $0.who == "later" }
    #expect(tasks.count == 4 && later.count == 3 && image.lost == 0 && image.ending == .exited(status: 0))
    for task in tasks {
      let more = later.first { $0.thread == task.thread }?.counts ?? [0, 0, 0, 0, 0]
      #expect(image.countsByThread[task.thread] == zip(task.counts, more).map(+))
    }
  }

  /// No descriptor, link or map outlives a session.
  @Test func nothingIsLeftBehind() throws {
    let program = try EndStandIn()
    let subject = try Subject(program.path, ["exit", "2", "5", "3"])
    try subject.waitUntilTraceable()
    func attachAndDetach() throws -> Set<String> {
      let session = TraceSession(scope: .processes([subject.id]), options: .init(ringBytes: 1 << 16, follow: true))
      try session.attach()
      var trace = RecordedTrace()
      _ = try session.collect(into: &trace)
      _ = try session.finish(into: &trace)
      return bpfDescriptors()
    }
    // Other tests of this process have sessions meanwhile: what of ours stayed would be there round after round.
    var always = try attachAndDetach()
    for _ in 0..<5 { try always.formIntersection(attachAndDetach()) }
    let deadline = ContinuousClock.now + .seconds(60)
    while !always.isEmpty, ContinuousClock.now < deadline {
      usleep(10_000)
      always.formIntersection(bpfDescriptors())
    }
    #expect(always.isEmpty)
    #expect(subject.process.isRunning)
  }

  /// This process's descriptors of BPF objects, by number and what they are.
  private func bpfDescriptors() -> Set<String> {
    let names = directoryEntries("/proc/self/fd", limit: 1 << 16)
    return Set(
      names.compactMap { name in
        targetOfProcLink("/proc/self/fd/\(name)").flatMap { $0.contains("bpf") ? "\(name) \($0)" : nil }
      })
  }

  /// A tracer that is killed leaves the process as if it had never been traced.
  @Test func theTracerMayBeKilled() throws {
    let subject = try Subject(
      builtPrograms.appending(path: "fibril-workload").path,
      ["--tasks", "1", "--fibrils", "20", "--blocks", "1000000", "--wait-for-tracer", "60"])
    try subject.waitUntilTraceable()
    let background = try BackgroundTrace(["-p", "\(subject.id)"])
    _ = try subject.wait { $0.tasks.reduce(0) { $0 + $1.counts.switches } > 1000 }
    kill(background.process.processIdentifier, SIGKILL)
    background.process.waitUntilExit()
    // It goes on, and after a while it makes no more records: the semaphores have fallen.
    var last = try subject.wait { _ in true }.tasks[0]
    last = try subject.wait { snapshot in
      defer { last = snapshot.tasks[0] }
      return snapshot.tasks[0].nextNumber == last.nextNumber
        && snapshot.tasks[0].counts.switches > last.counts.switches
    }.tasks[0]
    #expect(subject.process.isRunning)
  }
}
