// OpenMetrics as the older text format, 0.0.4, for those who do not know the newer: there a counter's family is called
// like its sample, with `_total`, there are no infos and no units, and no end is marked.

enum PlainMetrics {
  /// Of text without exemplars and timestamps.
  static func text(_ openMetrics: [UInt8]) -> [UInt8] {
    let lines = openMetrics.split(separator: UInt8(ascii: "\n"))
    var types: [ArraySlice<UInt8>: String] = [:]
    for line in lines where line.starts(with: "# TYPE ".utf8) {
      let words = line.split(separator: UInt8(ascii: " "))
      guard words.count == 4 else { continue }
      types[words[2]] = String(decoding: words[3], as: UTF8.self)
    }
    var result: [UInt8] = []
    result.reserveCapacity(openMetrics.count + 1024)
    for line in lines {
      guard line.first == UInt8(ascii: "#") else {
        result += line
        result.append(UInt8(ascii: "\n"))
        continue
      }
      let words = line.split(separator: UInt8(ascii: " "), maxSplits: 3, omittingEmptySubsequences: false)
      guard words.count == 4, let type = types[words[2]] else { continue }
      let (suffix, plainType) = plain(type)
      if words[1].elementsEqual("TYPE".utf8) {
        result += "# TYPE ".utf8 + words[2] + "\(suffix) \(plainType)\n".utf8
      } else if words[1].elementsEqual("HELP".utf8) {
        result += "# HELP ".utf8 + words[2] + "\(suffix) ".utf8 + words[3] + "\n".utf8
      }
    }
    return result
  }

  private static func plain(_ type: String) -> (suffix: String, type: String) {
    switch type {
    case "counter": ("_total", "counter")
    case "info": ("_info", "gauge")
    case "gauge", "histogram", "summary": ("", type)
    default: ("", "untyped")
    }
  }
}
