// Figures as JSON, by docs/metrics.md.

public import Texts
internal import Timeline
internal import TraceEvents

/// What the tracer says of itself beside the figures.
public struct TracerFigures: Sendable {
  public var version: String
  /// Seconds since 1970 at the figures' moment.
  public var unixTime: Double
  /// Processor time it has taken so far, in ns, and the memory it holds, in bytes.
  public var processorTime: UInt64
  public var residentBytes: UInt64

  public init(version: String, unixTime: Double, processorTime: UInt64, residentBytes: UInt64) {
    self.version = version
    self.unixTime = unixTime
    self.processorTime = processorTime
    self.residentBytes = residentBytes
  }
}

extension Figures {
  /// One JSON object without a line break.
  public func json(of tracer: TracerFigures) -> ByteText {
    var json = JSONText()
    json.open("{")
    json.member("time_ns", time)
    json.key("unix_time")
    json.number(tracer.unixTime)
    json.key("version")
    json.string(tracer.version)
    json.key("tracer")
    json.open("{")
    json.key("cpu_seconds")
    json.number(Double(tracer.processorTime) / 1e9)
    json.member("resident_bytes", tracer.residentBytes)
    json.member("events", events)
    json.member("lost", lost)
    json.member("followed", UInt64(processes.count { $0.ending == nil }))
    json.member("ended", endedProcesses)
    json.member("forgotten", forgottenProcesses)
    json.close("}")
    json.key("processes")
    json.open("[")
    for process in processes { process.write(to: &json) }
    json.close("]")
    json.close("}")
    return json.text
  }
}

extension JSONText {
  fileprivate mutating func member(_ name: StaticString, _ value: UInt64) {
    key(name)
    number(value)
  }

  fileprivate mutating func member(_ name: StaticString, _ value: String) {
    key(name)
    string(value)
  }

  fileprivate mutating func member(_ name: StaticString, _ value: LatencyFigures) {
    key(name)
    latency(value)
  }

  fileprivate mutating func latency(_ latency: LatencyFigures) {
    open("{")
    member("count", latency.count)
    member("sum_ns", UInt64(clamping: latency.sum))
    member("p50_ns", latency.p50)
    member("p90_ns", latency.p90)
    member("p99_ns", latency.p99)
    member("p999_ns", latency.p999)
    member("max_ns", latency.max)
    key("buckets")
    open("[")
    for (bucket, count) in latency.buckets.enumerated() where count > 0 {
      open("[")
      number(1 << UInt64(bucket))
      number(count)
      close("]")
    }
    close("]")
    close("}")
  }
}

extension ProcessFigures {
  fileprivate func write(to json: inout JSONText) {
    json.open("{")
    json.member("pid", UInt64(clamping: process.processID))
    json.member("command", process.command)
    json.member("executable", process.executable)
    json.member("duration_ns", duration)
    writeEnding(to: &json)
    json.key("counts")
    json.open("{")
    json.member("events", events)
    json.member("lost", lost)
    json.member("submits", counts.submits)
    json.member("completions", counts.teardowns)
    json.member("switches", counts.switches)
    json.member("blocks", counts.blocks)
    json.member("wakes", counts.wakes)
    json.member("sleeps", counts.sleeps)
    json.member("resumes", counts.resumes)
    json.close("}")
    json.key("results")
    json.open("{")
    for result in results {
      json.key(foreign: result.name)
      json.number(result.count)
    }
    json.close("}")
    writeLiving(to: &json)
    json.member("run_queue_wait", runQueueWait)
    json.member("running", running)
    json.key("lifetime")
    json.open("{")
    json.member("closure", closureLifetime)
    json.member("call", callLifetime)
    json.close("}")
    json.key("blocked")
    json.open("{")
    for one in blocked {
      json.key(foreign: one.reason)
      json.latency(one.latency)
    }
    json.close("}")
    json.key("calls")
    json.open("{")
    for one in calls {
      json.key(foreign: one.call)
      json.latency(one.latency)
    }
    json.close("}")
    json.member("busy_ns", busyTime)
    json.member("asleep_ns", sleepTime)
    writeTasks(to: &json)
    json.close("}")
  }

  private func writeEnding(to json: inout JSONText) {
    json.key("ended")
    switch ending {
    case nil: json.null()
    case .traceEnded: json.string("trace ended")
    case .exited: json.string("exited")
    case .executed: json.string("executed")
    }
    json.key("status")
    if case .exited(let status?) = ending {
      json.number(UInt64(UInt32(bitPattern: status)))
    } else {
      json.null()
    }
  }

  private func writeLiving(to json: inout JSONText) {
    json.key("live")
    json.open("{")
    json.member("runnable", living.runnable)
    json.member("running", living.running)
    json.member("blocked", living.blocked)
    json.member("pending", living.pendingCalls)
    json.member("unknown", living.unknown)
    json.close("}")
    json.key("blocked_now")
    json.open("{")
    for reason in living.reasons {
      json.key(foreign: reason.reason)
      json.open("{")
      json.member("count", reason.count)
      json.member("oldest_ns", reason.oldest)
      json.close("}")
    }
    json.close("}")
    json.member("oldest_runnable_ns", living.oldestRunnable)
  }

  private func writeTasks(to json: inout JSONText) {
    json.key("tasks")
    json.open("[")
    for task in tasks {
      json.open("{")
      json.key("task")
      json.identifier(task.task)
      json.member("thread", UInt64(task.threadID))
      json.member("busy_ns", task.busyTime)
      json.member("asleep_ns", task.sleepTime)
      json.key("load")
      json.number(task.load)
      json.member("fibrils", task.fibrils)
      json.member("runnable", task.runnable)
      json.close("}")
    }
    json.close("]")
    json.key("slowest")
    json.open("[")
    for wait in slowest {
      json.open("{")
      json.key("fibril")
      json.identifier(wait.fibril)
      json.key("task")
      json.identifier(wait.task)
      json.member("name", wait.name)
      json.member("state", wait.state)
      json.member("reason", wait.reason)
      json.member("call", wait.call)
      json.member("age_ns", wait.age)
      json.close("}")
    }
    json.close("]")
  }
}
