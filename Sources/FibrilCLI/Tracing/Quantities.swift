// Durations and sizes as the command line spells them, and as its messages do.
internal import ArgumentParser

/// A duration such as `5s`, `500ms`, `2m` or `1h`; a bare number is seconds.
struct DurationArgument: ExpressibleByArgument, Equatable {
  var nanoseconds: UInt64

  init?(argument: String) {
    guard let value = scaled(argument, by: ["ns": 1, "us": 1e3, "ms": 1e6, "s": 1e9, "": 1e9, "m": 60e9, "h": 3600e9])
    else { return nil }
    nanoseconds = value
  }
}

/// A size such as `64MiB`, `1GiB` or `512KiB`; a bare number is bytes.
struct SizeArgument: ExpressibleByArgument, Equatable {
  var bytes: UInt64

  init?(argument: String) {
    guard let value = scaled(argument, by: ["": 1, "KiB": 0x1p10, "MiB": 0x1p20, "GiB": 0x1p30]) else { return nil }
    bytes = value
  }
}

/// A positive number followed by one of some units; nil for anything else, and for what is out of range.
private func scaled(_ text: String, by units: [String: Double]) -> UInt64? {
  let number = text.prefix { $0.isASCII && ($0.isNumber || $0 == ".") }
  guard let value = Double(number), let unit = units[String(text.dropFirst(number.count))] else { return nil }
  let product = value * unit
  return product >= 1 && product < 0x1p62 ? UInt64(product) : nil
}

/// A duration for people: at least two digits of it, in the largest unit that has them.
func rough(nanoseconds: UInt64) -> String {
  switch nanoseconds {
  case ..<10_000: "\(nanoseconds) ns"
  case ..<10_000_000: "\(nanoseconds / 1000) us"
  case ..<10_000_000_000: "\(nanoseconds / 1_000_000) ms"
  default: "\(nanoseconds / 1_000_000_000) s"
  }
}
