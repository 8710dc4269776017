// Times as text.
internal import Texts

extension ByteText {
  /// Seconds with three, six or nine digits behind the point: `1.200 s`, `0.000050 s`.
  mutating func append(seconds: Int64, _ nanoseconds: UInt64) {
    append(signed: seconds)
    append(".")
    // Milli-, micro- or nanoseconds, whichever they are whole numbers of.
    let unit: UInt64 = nanoseconds % 1_000_000 == 0 ? 1_000_000 : nanoseconds % 1000 == 0 ? 1000 : 1
    let digits = String(nanoseconds / unit)
    let places = unit == 1_000_000 ? 3 : unit == 1000 ? 6 : 9
    append(own: String(repeating: "0", count: places - digits.utf8.count))
    append(own: digits)
    append(" s")
  }

  /// How long something still takes, or took: `1.2 s`; below a second in milliseconds, `0.045 s`.
  mutating func append(duration nanoseconds: UInt64) {
    let milliseconds = nanoseconds / 1_000_000
    append(decimal: milliseconds / 1000)
    append(".")
    append(decimal: milliseconds % 1000 / 100)
    if milliseconds < 1000 {
      append(decimal: milliseconds % 100 / 10)
      append(decimal: milliseconds % 10)
    }
    append(" s")
  }
}
