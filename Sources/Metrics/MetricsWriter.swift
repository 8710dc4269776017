// Metrics as text under construction: families, their samples, and the numbers and labels of these, as bytes. A scrape
// of hundreds of processes is megabytes long.

internal import Timeline
internal import Texts
internal import Timeline

/// Labels and their values, as they stand between the braces.
struct MetricLabels {
  private(set) var text = ByteText()

  /// These and one more. `value` may be anything.
  func adding(_ name: StaticString, _ value: String) -> MetricLabels {
    var labels = self
    if !labels.text.bytes.isEmpty { labels.text.append(",") }
    labels.text.append(name)
    labels.text.append("=")
    // What a JSON string escapes is what has to be escaped here: a line break is replaced by both.
    labels.text.append(json: value)
    return labels
  }
}

/// The text of metrics, which grows at its end.
struct MetricsWriter {
  enum Kind { case counter, gauge, histogram, info }

  private(set) var text = ByteText()
  private var name: StaticString = ""
  private var suffix: StaticString = ""

  init(capacity: Int) {
    text.reserveCapacity(capacity)
  }

  /// Begins a family, the samples of which follow. `name` is without `_total` and `_info`, and ends in its unit.
  mutating func family(_ name: StaticString, _ kind: Kind, unit: StaticString? = nil, help: StaticString) {
    self.name = name
    suffix = kind == .counter ? "_total" : kind == .info ? "_info" : ""
    let type: StaticString =
      switch kind {
      case .counter: "counter"
      case .gauge: "gauge"
      case .histogram: "histogram"
      case .info: "info"
      }
    func describe(_ keyword: StaticString, _ value: StaticString) {
      text.append(keyword)
      text.append(name)
      text.append(" ")
      text.append(value)
      text.append("\n")
    }
    describe("# TYPE ", type)
    if let unit { describe("# UNIT ", unit) }
    describe("# HELP ", help)
  }

  mutating func sample(_ labels: MetricLabels, _ value: UInt64) {
    begin(suffix, labels)
    text.append(decimal: value)
    text.append("\n")
  }

  /// Of nanoseconds, in seconds.
  mutating func sample(_ labels: MetricLabels, nanoseconds: UInt64) {
    begin(suffix, labels)
    text.append(exactSeconds: UInt128(nanoseconds))
    text.append("\n")
  }

  /// Of a share from 0 to 1, with three decimals.
  mutating func sample(_ labels: MetricLabels, ratio: Double) {
    begin(suffix, labels)
    // Any number is one of these, and NaN is 0.
    let thousandths = ratio > 0 ? UInt64(min(ratio, 1) * 1000 + 0.5) : 0
    text.append(exactSeconds: UInt128(thousandths) * 1_000_000)
    text.append("\n")
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
    text.append(exactSeconds: latency.sum)
    text.append("\n")
    begin("_count", labels)
    text.append(decimal: latency.count)
    text.append("\n")
  }

  private mutating func bucket(_ labels: MetricLabels, _ end: ByteText, _ count: UInt64) {
    text.append(name)
    text.append("_bucket{")
    text.append(labels.text)
    text.append(end)
    text.append(decimal: count)
    text.append("\n")
  }

  private mutating func begin(_ suffix: StaticString, _ labels: MetricLabels) {
    text.append(name)
    text.append(suffix)
    guard !labels.text.bytes.isEmpty else { return text.append(" ") }
    text.append("{")
    text.append(labels.text)
    text.append("} ")
  }

  /// Ends the text and returns it.
  mutating func finish() -> [UInt8] {
    text.append("# EOF\n")
    return text.bytes
  }
}

/// Where a bucket ends: its durations are at most 2^power - 1 nanoseconds.
struct BucketEnd {
  let power: Int
  /// What follows the histogram's own labels, up to the value.
  let text: ByteText

  init(power: Int) {
    self.power = power
    var text = ByteText()
    text.append(",le=\"")
    text.append(exactSeconds: 1 << UInt64(power) - 1)
    text.append("\"} ")
    self.text = text
  }

  static let infinity = ByteText(own: ",le=\"+Inf\"} ")
  /// From a microsecond to 18 minutes.
  static let fine = stride(from: 10, through: 40, by: 1).map { BucketEnd(power: $0) }
  static let coarse = stride(from: 10, through: 40, by: 2).map { BucketEnd(power: $0) }
}

extension ByteText {
  /// Nanoseconds as seconds, exactly, with no zeros at the end.
  fileprivate mutating func append(exactSeconds nanoseconds: UInt128) {
    append(decimal: UInt64(clamping: nanoseconds / 1_000_000_000))
    var rest = UInt64(nanoseconds % 1_000_000_000)
    guard rest > 0 else { return }
    append(".")
    var place: UInt64 = 100_000_000
    while rest > 0 {
      append(decimal: rest / place)
      rest %= place
      place /= 10
    }
  }
}
