// What the exporter itself uses, for its figures.
internal import Glibc
internal import Metrics
internal import TraceEvents

extension ExporterFigures {
  /// Of this process, at `time`, CLOCK_MONOTONIC in ns.
  static func here(at time: UInt64) -> ExporterFigures {
    var figures = ExporterFigures(.here(at: time))
    figures.openDescriptors = UInt64(directoryEntries("/proc/self/fd", limit: 1 << 20).count)
    var limit = rlimit()
    if unsafe getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 {
      figures.mostDescriptors = UInt64(limit.rlim_cur)
    }
    return figures
  }
}

/// Takes as many descriptors as it may: each process that is followed costs one, and shells and systemd give 1024 unless
/// asked for more.
func raiseDescriptorLimit() {
  let resource = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
  var limit = rlimit()
  guard unsafe getrlimit(resource, &limit) == 0 else { return }
  limit.rlim_cur = limit.rlim_max
  // What is refused stays as it was.
  unsafe _ = setrlimit(resource, &limit)
}

func nanosecondsSince1970() -> UInt64 {
  var time = timespec()
  unsafe _ = clock_gettime(CLOCK_REALTIME, &time)
  return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
}
