// A histogram on a few columns of a line.
internal import Glibc

enum Sparkline {
  /// Columns, each of two powers of two, the first up to 1.02 us.
  private static let columns = 13
  private static let firstEnd = 10

  /// Where 1 us, 1 ms and 1 s lie.
  static let scale = "1us  1ms  1s "

  /// One column for two powers of two. The tallest is the fullest; whatever is not empty shows.
  static func text(of buckets: [UInt64]) -> String {
    var sums = [UInt64](repeating: 0, count: columns)
    for (bucket, count) in buckets.enumerated() {
      sums[min(columns - 1, max(0, (bucket - firstEnd + 1) / 2))] += count
    }
    let most = sums.max() ?? 0
    return String(sums.map { $0 == 0 ? " " : levels[Int(UInt128($0) * UInt128(levels.count - 1) / UInt128(most))] })
  }

  /// What the terminal's locale can show.
  private static let levels: [Character] = {
    let locale =
      unsafe getenv("LC_ALL").flatMap(text) ?? getenv("LC_CTYPE").flatMap(text) ?? getenv("LANG").flatMap(text) ?? ""
    let isUTF8 = locale.lowercased().contains("utf-8") || locale.lowercased().contains("utf8")
    return Array(isUTF8 ? "▁▂▃▄▅▆▇█" : ".:-=+*#@")
  }()

  private static func text(_ value: UnsafeMutablePointer<CChar>) -> String? {
    let text = unsafe String(cString: value)
    return text.isEmpty ? nil : text
  }
}
