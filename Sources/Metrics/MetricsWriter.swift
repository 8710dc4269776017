// Metrics as text under construction: families, their samples, and the numbers and labels of these, as bytes. A scrape
// of hundreds of processes is megabytes long.

/// The two text formats that Prometheus reads.
public enum MetricsFormat: Sendable {
  /// OpenMetrics 1.0.
  case openMetrics
  /// Prometheus's own older format, version 0.0.4.
  case classic

  public var contentType: StaticString {
    switch self {
    case .openMetrics: "application/openmetrics-text; version=1.0.0; charset=utf-8"
    case .classic: "text/plain; version=0.0.4; charset=utf-8"
    }
  }
}

/// Labels and their values, as they stand between the braces.
struct MetricLabels {
  private(set) var bytes: [UInt8] = []

  init() {}

  /// These and one more. `value` may be anything.
  func adding(_ name: StaticString, _ value: String) -> MetricLabels {
    var labels = self
    if !labels.bytes.isEmpty { labels.bytes.append(UInt8(ascii: ",")) }
    labels.bytes.append(name)
    labels.bytes.append("=\"")
    for scalar in value.unicodeScalars {
      switch scalar {
      case "\\": labels.bytes.append("\\\\")
      case "\"": labels.bytes.append("\\\"")
      case "\n": labels.bytes.append("\\n")
      // No line of the text, and no page that shows it, is at the mercy of a process's name.
      case "\u{0}"..."\u{1f}", "\u{7f}"..."\u{9f}", "\u{200e}", "\u{200f}", "\u{2028}"..."\u{202e}",
        "\u{2066}"..."\u{2069}":
        labels.bytes.append("\u{fffd}")
      default: labels.bytes.append(contentsOf: UTF8.encode(scalar)!)
      }
    }
    labels.bytes.append("\"")
    return labels
  }
}

/// The text of metrics, which grows at its end.
struct MetricsWriter {
  enum Kind { case counter, gauge, histogram, info }

  private(set) var bytes: [UInt8] = []
  private let format: MetricsFormat
  private var name: StaticString = ""
  private var suffix: StaticString = ""

  init(_ format: MetricsFormat, capacity: Int) {
    self.format = format
    bytes.reserveCapacity(capacity)
  }

  /// Begins a family, the samples of which follow. `name` is without `_total` and `_info`, and ends in its unit.
  mutating func family(_ name: StaticString, _ kind: Kind, unit: StaticString? = nil, help: StaticString) {
    self.name = name
    suffix = kind == .counter ? "_total" : kind == .info ? "_info" : ""
    let isOpen = format == .openMetrics
    let type: StaticString =
      switch kind {
      case .counter: "counter"
      case .gauge: "gauge"
      case .histogram: "histogram"
      // There was none.
      case .info: isOpen ? "info" : "gauge"
      }
    func describe(_ keyword: StaticString, _ value: StaticString) {
      bytes.append(keyword)
      bytes.append(name)
      if !isOpen { bytes.append(suffix) }
      bytes.append(" ")
      bytes.append(value)
      bytes.append("\n")
    }
    describe("# TYPE ", type)
    if isOpen, let unit { describe("# UNIT ", unit) }
    describe("# HELP ", help)
  }

  mutating func sample(_ labels: MetricLabels, _ value: UInt64) {
    begin(suffix, labels)
    bytes.append(decimal: value)
    bytes.append("\n")
  }

  /// Of nanoseconds, in seconds.
  mutating func sample(_ labels: MetricLabels, nanoseconds: UInt64) {
    begin(suffix, labels)
    bytes.append(seconds: nanoseconds)
    bytes.append("\n")
  }

  /// Of a share from 0 to 1, with three decimals.
  mutating func sample(_ labels: MetricLabels, ratio: Double) {
    begin(suffix, labels)
    // Any number is one of these, and NaN is 0.
    let thousandths = ratio > 0 ? UInt64(min(ratio, 1) * 1000 + 0.5) : 0
    bytes.append(seconds: thousandths * 1_000_000)
    bytes.append("\n")
  }

  /// All samples of one histogram, with a bucket at each of `ends`.
  mutating func histogram(_ labels: MetricLabels, _ latency: LatencyFigures, ends: [BucketEnd]) {
    var (number, below): (Int, UInt64) = (0, 0)
    for end in ends {
      while number <= end.power, number < latency.buckets.count {
        below &+= latency.buckets[number]
        number += 1
      }
      bucket(labels, end.text, below)
    }
    bucket(labels, BucketEnd.infinity, latency.count)
    begin("_sum", labels)
    bytes.append(seconds: latency.sum)
    bytes.append("\n")
    begin("_count", labels)
    bytes.append(decimal: latency.count)
    bytes.append("\n")
  }

  private mutating func bucket(_ labels: MetricLabels, _ end: [UInt8], _ count: UInt64) {
    bytes.append(name)
    bytes.append("_bucket{")
    bytes.append(contentsOf: labels.bytes)
    bytes.append(contentsOf: end)
    bytes.append(decimal: count)
    bytes.append("\n")
  }

  private mutating func begin(_ suffix: StaticString, _ labels: MetricLabels) {
    bytes.append(name)
    bytes.append(suffix)
    guard !labels.bytes.isEmpty else { return bytes.append(" ") }
    bytes.append("{")
    bytes.append(contentsOf: labels.bytes)
    bytes.append("} ")
  }

  /// Ends the text and returns it.
  consuming func finish() -> [UInt8] {
    if format == .openMetrics { bytes.append("# EOF\n") }
    return bytes
  }
}

/// Where a bucket ends: its durations are at most 2^power - 1 nanoseconds.
struct BucketEnd {
  let power: Int
  /// What follows the histogram's own labels, up to the value.
  let text: [UInt8]

  init(power: Int) {
    self.power = power
    var text: [UInt8] = []
    text.append(",le=\"")
    text.append(seconds: 1 << UInt64(power) - 1)
    text.append("\"} ")
    self.text = text
  }

  static let infinity = Array(",le=\"+Inf\"} ".utf8)
  /// From a microsecond to 18 minutes.
  static let fine = stride(from: 10, through: 40, by: 1).map { BucketEnd(power: $0) }
  static let coarse = stride(from: 10, through: 40, by: 2).map { BucketEnd(power: $0) }
}

extension [UInt8] {
  mutating func append(_ text: StaticString) {
    // Safe: the bytes of a literal, which are only copied.
    text.withUTF8Buffer { unsafe append(contentsOf: $0) }
  }

  mutating func append(decimal number: UInt64) {
    let start = count
    var rest = number
    repeat {
      append(UInt8(ascii: "0") + UInt8(rest % 10))
      rest /= 10
    } while rest > 0
    self[start...].reverse()
  }

  /// Nanoseconds as seconds, exactly, with no zeros at the end.
  mutating func append(seconds nanoseconds: UInt64) {
    append(decimal: nanoseconds / 1_000_000_000)
    var rest = nanoseconds % 1_000_000_000
    guard rest > 0 else { return }
    append(UInt8(ascii: "."))
    var place: UInt64 = 100_000_000
    while rest > 0 {
      append(UInt8(ascii: "0") + UInt8(rest / place))
      rest %= place
      place /= 10
    }
  }
}
