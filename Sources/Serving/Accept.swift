// Which of the two texts a scraper wants.

enum Accept {
  /// Whether OpenMetrics is asked for by name, and not less than plain text. Who does not name it may not know it.
  static func wantsOpenMetrics(_ ranges: [Substring]) -> Bool {
    var openMetrics = 0
    var plain = 0
    for range in ranges {
      let parts = range.split(separator: ";").map { part in part.filter { $0 != " " && $0 != "\t" }.lowercased() }
      let weight = thousandths(parts.dropFirst().last { $0.hasPrefix("q=") }?.dropFirst(2))
      switch parts.first {
      case "application/openmetrics-text": openMetrics = max(openMetrics, weight)
      case "text/plain": plain = max(plain, weight)
      default: continue
      }
    }
    return openMetrics > 0 && openMetrics >= plain
  }

  /// `0.75` is 750; what is no weight is 0, and none at all 1000.
  private static func thousandths(_ text: Substring?) -> Int {
    guard let text else { return 1000 }
    let parts = text.split(separator: ".", maxSplits: 1, omittingEmptySubsequences: false)
    let fraction = parts.count > 1 ? String(parts[1]) : ""
    guard let whole = UInt8(parts[0]), whole <= 1, fraction.utf8.count <= 3,
      let rest = UInt16(fraction + String(repeating: "0", count: 3 - fraction.utf8.count))
    else { return 0 }
    return min(Int(whole) * 1000 + Int(rest), 1000)
  }
}
