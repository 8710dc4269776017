// What the tracer itself uses, for its figures.
internal import ArgumentParser
internal import Glibc
internal import Metrics
internal import TraceEvents

extension TracerFigures {
  /// What goes with figures of the moment `time`, CLOCK_MONOTONIC in ns.
  static func now(_ time: UInt64) -> TracerFigures {
    let age = max(0, Int64(clamping: ClockPair.now().nanoseconds) - Int64(clamping: time))
    let unixTime = Double(Int64(clamping: nanosecondsSince1970()) - age) / 1e9
    // In pages, the second word.
    let pages = (contentsOfProcFile("/proc/self/statm", limit: 256) ?? "").split(separator: " ").dropFirst().first
    return TracerFigures(
      version: FibrilCommand.configuration.version, unixTime: unixTime,
      processorTime: TracerCost.now().processorNanoseconds,
      residentBytes: (pages.flatMap { UInt64($0) } ?? 0) * UInt64(sysconf(Int32(_SC_PAGESIZE))))
  }
}

extension ExporterFigures {
  static func now(_ time: UInt64) -> ExporterFigures {
    var figures = ExporterFigures(TracerFigures.now(time))
    figures.openDescriptors = UInt64(directoryEntries("/proc/self/fd", limit: 1 << 20).count)
    var limit = rlimit()
    if unsafe getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 {
      figures.mostDescriptors = UInt64(limit.rlim_cur)
    }
    return figures
  }
}

func nanosecondsSince1970() -> UInt64 {
  var time = timespec()
  unsafe _ = clock_gettime(CLOCK_REALTIME, &time)
  return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
}
