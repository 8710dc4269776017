// Which fibrils a dump shows, as the command line says it.
internal import ArgumentParser
internal import Dumping
internal import TraceEvents

struct DumpSelection: ParsableArguments {
  enum State: String, ExpressibleByArgument, CaseIterable { case running, runnable, blocked, dead }
  enum Order: String, ExpressibleByArgument, CaseIterable { case age, id }

  @Flag(name: .customShort("w"), help: "Only fibrils that are blocked: --state blocked.")
  var onlyBlocked = false

  @Option(help: "Only fibrils in this state; may be repeated.")
  var state: [State] = []

  @Option(help: ArgumentHelp("Only those in their state for at least this long, such as 5s.", valueName: "AGE"))
  var minAge: DurationArgument?

  @Option(
    help: ArgumentHelp("Only those whose name matches, such as 'worker-*'; may be repeated.", valueName: "GLOB"))
  var name: [String] = []

  @Option(help: ArgumentHelp("Only the fibril with this id; may be repeated.", valueName: "ID"))
  var fibril: [UInt64] = []

  @Option(
    help: ArgumentHelp("Only fibrils of the task with this thread id; may be repeated.", valueName: "TID"))
  var task: [UInt32] = []

  @Option(help: "Sort by age, the oldest first, or by id; otherwise by task, and by id in it.")
  var sort: Order?

  func validate() throws {
    if onlyBlocked, !state.isEmpty { throw ValidationError("-w is --state blocked: give one of them") }
  }

  /// Whether anything of it was asked for.
  var isGiven: Bool { selection.isPartial || sort != nil }

  var selection: Selection {
    var selection = Selection()
    selection.states = Set(onlyBlocked ? [.blocked] : state.map(\.state))
    selection.minimumAge = minAge?.nanoseconds
    selection.names = name
    selection.fibrils = Set(fibril)
    selection.threads = Set(task)
    switch sort {
    case .age: selection.order = .age
    case .id: selection.order = .id
    case nil: selection.order = .task
    }
    return selection
  }
}

extension DumpSelection.State {
  fileprivate var state: FibrilState {
    switch self {
    case .running: .running
    case .runnable: .runnable
    case .blocked: .blocked
    case .dead: .dead
    }
  }
}
