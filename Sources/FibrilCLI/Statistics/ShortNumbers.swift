// Numbers on few columns: three digits that count, and a unit.

/// At most seven columns: `12`, `9999999`, `12.3M`.
func short(_ count: UInt64) -> String {
  count < 10_000_000 ? "\(count)" : scaled(Double(count), 1000, ["", "k", "M", "G", "T", "P", "E"])
}

/// So many a second.
func short(rate count: UInt64, over nanoseconds: UInt64) -> String {
  guard nanoseconds > 0 else { return "-" }
  let rate = Double(count) * 1e9 / Double(nanoseconds)
  return rate < 10_000 && rate >= 1000
    ? "\(Int(rate.rounded()))" : scaled(rate, 1000, ["", "k", "M", "G", "T", "P", "E"])
}

/// At most eight columns: `850ns`, `1.23us`, `45.6ms`, `12.3s`; from 1000 s on without a fraction, and later in days.
func duration(_ nanoseconds: UInt64) -> String {
  if nanoseconds < 1000 { return "\(nanoseconds)ns" }
  if nanoseconds >= 10_000_000_000_000_000 { return "\(nanoseconds / 86_400_000_000_000)d" }
  if nanoseconds >= 1_000_000_000_000 { return "\(nanoseconds / 1_000_000_000)s" }
  return scaled(Double(nanoseconds), 1000, ["ns", "us", "ms", "s"])
}

/// Three digits.
private func scaled(_ value: Double, _ step: Double, _ units: [String]) -> String {
  var value = value
  var unit = 0
  while value >= 999.5, unit < units.count - 1 {
    value /= step
    unit += 1
  }
  return decimals(value, value < 9.995 ? 2 : value < 99.95 ? 1 : 0) + units[unit]
}

/// Seconds with two decimals.
func fixed(_ nanoseconds: UInt64) -> String { decimals(Double(nanoseconds) / 1e9, 2) }

/// `12.3%`
func percent(_ part: UInt64, of whole: UInt64) -> String {
  whole == 0 ? "-" : decimals(Double(part) * 100 / Double(whole), 1) + "%"
}

private func decimals(_ value: Double, _ count: Int) -> String {
  let factor: UInt64 = count == 2 ? 100 : count == 1 ? 10 : 1
  // A recording may claim any times: beyond 64 bits it says no more than that.
  let all = UInt64(exactly: (value * Double(factor)).rounded()) ?? .max
  if count == 0 { return "\(all)" }
  let fraction = "\(all % factor)"
  return "\(all / factor)." + String(repeating: "0", count: count - fraction.count) + fraction
}
