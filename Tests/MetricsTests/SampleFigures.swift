// Figures that no process made.
import Timeline
import TraceEvents

@testable import Metrics

extension LatencyFigures {
  /// Those of some durations, in ns, without percentiles.
  init(_ durations: [UInt64]) {
    self.init()
    count = UInt64(durations.count)
    sum = durations.reduce(0) { $0 + UInt128($1) }
    max = durations.max() ?? 0
    for duration in durations {
      let number = 64 - duration.leadingZeroBitCount
      while buckets.count <= number { buckets.append(0) }
      buckets[number] += 1
    }
  }
}

extension ProcessFigures {
  /// One that has done nothing.
  init(index: Int, processID: Int32, command: String, ending: ProcessEnding? = nil) {
    self.init(
      process: RecordedProcess(
        index: index, processID: processID, command: command, executable: "/opt/\(command)", begin: 0),
      duration: 1_000_000_000, counts: EventCounts(), events: 0, lost: 0, results: [], runQueueWait: LatencyFigures(),
      running: LatencyFigures(), blocked: [], calls: [], closureLifetime: LatencyFigures(),
      callLifetime: LatencyFigures(), living: LivingFigures(), tasks: [], busyTime: 0, sleepTime: 0, slowest: [],
      ending: ending)
  }
}

extension Figures {
  init(_ processes: [ProcessFigures]) {
    self.init(
      time: 5_000_000_000, processes: processes, endedProcesses: 0, forgottenProcesses: 0, events: 0, lost: 0)
  }
}

extension ExporterFigures {
  /// Of a made-up exporter.
  static var sample: ExporterFigures {
    var exporter = ExporterFigures(
      TracerFigures(version: "9.9.9", unixTime: 1_764_547_200, processorTime: 1_250_000_000, residentBytes: 23_068_672))
    exporter.requests = [(200, 12), (404, 1)]
    (exporter.refusedConnections, exporter.openDescriptors, exporter.mostDescriptors) = (2, 31, 1024)
    exporter.startTime = 1_764_547_100_500_000_000
    return exporter
  }
}

/// The samples of a text: their names and labels, with their values as they stand there.
struct Samples {
  var lines: [(series: String, value: String)] = []
  /// What is wrong with the text.
  var faults: [String] = []

  init(_ text: [UInt8]) {
    let text = String(decoding: text, as: UTF8.self)
    if !text.hasSuffix("\n# EOF\n") { faults.append("it has no end") }
    var (family, families, series) = ("", Set<String>(), Set<String>())
    for line in text.split(separator: "\n").dropLast() {
      if line.hasPrefix("#") {
        let words = line.split(separator: " ")
        if words[1] == "TYPE", !families.insert(String(words[2])).inserted { faults.append("a family twice: \(line)") }
        family = String(words[2])
      } else if let end = line.lastIndex(of: " ") {
        let name = String(line[..<end])
        if !name.hasPrefix(family) { faults.append("not of \(family): \(line)") }
        if !series.insert(name).inserted { faults.append("a series twice: \(line)") }
        lines.append((name, String(line[line.index(after: end)...])))
      } else {
        faults.append("no sample: \(line)")
      }
    }
  }

  subscript(series: String) -> String? { lines.first { $0.series == series }?.value }
}
