// Takes a recording while it is made and keeps nothing of it but sums.

public import TraceEvents

/// Sums up what processes do, without keeping events: its size is that of what lives, not of what has happened.
///
/// No call throws.
public struct MetricsRecorder: RecordingSink {
  private var processes: [Int: MeteredProcess] = [:]
  private var ended: [ProcessFigures] = []
  /// Those that ended in the present interval, with its latencies.
  private var endedLately: [ProcessFigures] = []
  private var endedCount: UInt64 = 0
  /// Of those that have ended.
  private var endedEvents: UInt64 = 0
  private var endedLost: UInt64 = 0
  /// Every process reads the same time stamp counter.
  private var clock = TickClock(source: .timeStampCounter)
  private var events: [Event] = []
  /// Everything before it has been told, CLOCK_MONOTONIC in ns.
  private var time: UInt64 = 0
  private let mostEnded: Int

  /// A recorder that has seen nothing. Of the processes that have ended, it shows the latest `mostEnded`.
  public init(mostEnded: Int = 64) {
    self.mostEnded = mostEnded
  }

  /// What there is so far. `ofInterval`: latencies only of what came since the last such call, and of the processes that
  /// have ended only those that did so since then.
  public mutating func figures(ofInterval: Bool = false) -> Figures {
    let ended = ofInterval ? endedLately : ended
    if ofInterval { endedLately = [] }
    var figures = Figures(
      time: time, processes: ended, endedProcesses: endedCount, forgottenProcesses: endedCount - UInt64(ended.count),
      events: endedEvents, lost: endedLost)
    // Not over the keys themselves: while those are held, a change would copy everything.
    for index in Array(processes.keys) {
      guard let one = processes[index]?.figures(at: time, ofInterval: ofInterval) else { continue }
      if ofInterval { processes[index]?.beginInterval() }
      figures.processes.append(one)
      figures.events &+= one.events
      figures.lost &+= one.lost
    }
    figures.processes.sort { $0.process.index < $1.process.index }
    return figures
  }

  // MARK: RecordingSink

  public mutating func add(_ pair: ClockPair) {
    clock.add(pair)
  }

  public mutating func begin(_ process: RecordedProcess) {
    time = max(time, process.begin)
    processes[process.index] = MeteredProcess(process)
  }

  public mutating func take(_ modules: [RecordedModule], of process: Int) {}

  public mutating func take(_ snapshot: ProcessSnapshot, of process: Int) {
    processes[process]?.take(snapshot)
  }

  public mutating func take(_ names: [String], from index: Int, of process: Int) {
    processes[process]?.take(names, from: index)
  }

  public mutating func take(stack: [UInt64], id: UInt32, of process: Int) {}

  public mutating func begin(task: UInt64, at number: UInt64, of process: Int) {
    processes[process]?.silentTasks.remove(task)
    processes[process]?.decoder.begin(task: task, at: number)
  }

  public mutating func take(records: RawSpan, of task: UInt64, from first: UInt64, of process: Int) {
    processes[process]?.decode(records, of: task, from: first, &clock, into: &events)
    consumeEvents(of: process)
  }

  public mutating func end(task: UInt64, at number: UInt64, of process: Int) {
    processes[process]?.decoder.end(task: task, at: number, into: &events)
    consumeEvents(of: process)
    processes[process]?.silentTasks.insert(task)
  }

  public mutating func end(_ process: Int, _ ending: ProcessEnding, at time: UInt64) {
    processes[process]?.decoder.finish(into: &events)
    consumeEvents(of: process)
    guard var last = processes.removeValue(forKey: process) else { return }
    let figures = last.finish(ending, at: time)
    endedCount += 1
    endedEvents &+= figures.events
    endedLost &+= figures.lost
    ended.append(figures)
    endedLately.append(last.hasIntervals ? last.finish(ending, at: time, ofInterval: true) : figures)
    if ended.count > mostEnded { ended.removeFirst() }
    if endedLately.count > mostEnded { endedLately.removeFirst() }
  }

  public mutating func mark(_ time: UInt64) {
    self.time = max(self.time, time)
    // The keys by themselves: held together with the dictionary they would have all of it copied.
    for index in Array(processes.keys) {
      processes[index]?.forgetSilentTasks()
      processes[index]?.noteLoad(at: self.time)
    }
  }

  private mutating func consumeEvents(of process: Int) {
    guard !events.isEmpty else { return }
    processes[process]?.consume(events)
    events.removeAll(keepingCapacity: true)
  }
}
