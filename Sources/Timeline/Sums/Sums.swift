// What is summed up of a process while its timeline goes by.
public import TraceEvents

/// The latencies, results and loads of one process.
public struct Sums: TimelineSink {
  /// Of the present interval.
  public var latencies = Latencies()
  /// By error number; 0 counts what succeeded, the last one errors without a number.
  private(set) var results = [UInt64](repeating: 0, count: mostErrors + 1)
  private var errorsTold = 0
  /// Time that tasks ran fibrils and slept, in ns, until their latest switch.
  public private(set) var tasks: [UInt64: TaskTime] = [:]
  public private(set) var total = TaskTime()
  private var latest = (task: UInt64(0), time: TaskTime())

  /// One beyond the last number of an error.
  static let mostErrors = 134
  /// Which errors have a count of their own is settled when they first occur: no count is ever taken back. Beside them
  /// are `ok` and `other`.
  static let mostErrorsTold = 62

  public struct TaskTime {
    public var busy: UInt64 = 0
    public var asleep: UInt64 = 0

    public init(busy: UInt64 = 0, asleep: UInt64 = 0) {
      self.busy = busy
      self.asleep = asleep
    }
  }

  /// Nothing yet.
  public init() {}

  /// Names and counts of the results that came, most frequent first.
  public var namedResults: [(name: String, count: UInt64)] {
    var named: [String: UInt64] = [:]
    for (number, count) in results.enumerated() where count > 0 {
      named[number == 0 ? "ok" : ErrorNames.name(of: Int64(number)) ?? "other", default: 0] &+= count
    }
    return named.map { (name: $0.key, count: $0.value) }.sorted { ($1.count, $0.name) < ($0.count, $1.name) }
  }

  mutating func count(result: Int64) {
    var error = result < 0 ? Int(min(result.magnitude, UInt64(Self.mostErrors))) : 0
    if results[error] == 0, error > 0, error < Self.mostErrors {
      if errorsTold < Self.mostErrorsTold { errorsTold += 1 } else { error = Self.mostErrors }
    }
    results[error] &+= 1
  }

  // MARK: TimelineSink

  @inline(__always)
  public mutating func consume(_ slice: StateSlice) {
    if slice.isOpenEnded || slice.isCut { return }
    let duration = slice.end &- min(slice.end, slice.since)
    switch slice.state {
    // A call does not run.
    case .runnable: if slice.label.kind != .call { latencies.runQueueWait.record(duration) }
    case .running: latencies.running.record(duration)
    case .blocked:
      let reason = slice.label.kind == .call ? .call : slice.reason
      latencies.blocked.record(duration, key: reason == .none ? KeyedLatencies.other : reason.rawValue)
      if reason == .call { latencies.calls.record(duration, key: UInt32(clamping: slice.object)) }
    case .created, .unknown: break
    }
  }

  @inline(__always)
  public mutating func consume(_ slice: TaskSlice) {
    let duration = slice.end &- slice.begin
    if latest.task != slice.task { turn(to: slice.task) }
    switch slice.activity {
    case .running:
      latest.time.busy &+= duration
      total.busy &+= duration
    case .asleep:
      latest.time.asleep &+= duration
      total.asleep &+= duration
    case .unknown: break
    }
  }

  /// Slices of a task come in lumps, so that looking it up is seldom.
  private mutating func turn(to task: UInt64) {
    settleTasks()
    latest = (task, tasks[task] ?? TaskTime())
  }

  public mutating func settleTasks() {
    if latest.task != 0 { tasks[latest.task] = latest.time }
  }

  /// Forgets the tasks that are gone.
  public mutating func keepTasks(where isLiving: (UInt64) -> Bool) {
    settleTasks()
    tasks = tasks.filter { isLiving($0.key) }
    latest = (0, TaskTime())
  }

  public mutating func consume(_ end: FibrilEnd) {
    guard let submitted = end.submitted else { return }
    switch end.label.kind {
    case .closure: latencies.closureLifetime.record(end.time &- min(end.time, submitted))
    case .call: latencies.callLifetime.record(end.time &- min(end.time, submitted))
    case .root, .unknown: break
    }
  }

  public mutating func announce(_ task: TaskAnnouncement) {}
  public mutating func announce(_ fibril: FibrilAnnouncement) {}
  public mutating func consume(_ slice: CallSlice) {}
  public mutating func consume(_ flow: WakeFlow) {}
  public mutating func consume(_ range: LostRange) {}
}

extension Timeline {
  /// Takes in events and adds what they tell to `sums`. Of this sink the compiler knows all here, which halves the time.
  public mutating func consume(_ events: [Event], into sums: inout Sums) {
    for event in events {
      if case .teardown(_, let result) = event.body { sums.count(result: result) }
      consume(event, into: &sums)
    }
  }
}
