// The names that the kernel's headers give to the numbers of one kind: open flags, signals, clocks.
internal import Texts

/// Names of numbers of one kind: of whole values, of single bits, or of a field of values beside bits.
struct ConstantNames: Sendable {
  struct Constant: Sendable {
    var name: String
    var value: UInt64
  }

  /// Which bits hold a value; the others are flags.
  private let mask: UInt64
  private let values: [UInt64: ByteText]
  private let flags: [(name: ByteText, value: UInt64)]
  /// What no bit at all is called.
  private let zero: ByteText?
  /// The kernel takes all 64 bits of the argument, not only the lower half.
  private let isWide: Bool
  /// All of them, as they were written down.
  let constants: [Constant]

  /// Names one behind the other, as in C's enumerations: `NAME=value` or the one that follows. The first
  /// value is 0, each further one greater by 1; the first flag is 1, each further one twice as large.
  /// A flag of several bits stands before those that it holds.
  init(values: String = "", mask: UInt64? = nil, flags: String = "", zero: String? = nil, isWide: Bool = false) {
    let values = Self.constants(values, first: 0) { $0 &+ 1 }
    let flags = Self.constants(flags, first: 1) { $0 << 1 }
    self.mask = mask ?? (values.isEmpty ? 0 : .max)
    self.values = Dictionary(values.map { ($0.value, ByteText(own: $0.name)) }) { first, _ in first }
    self.flags = flags.map { (ByteText(own: $0.name), $0.value) }
    self.zero = zero.map { ByteText(own: $0) }
    self.isWide = isWide
    constants = values + flags + (zero.map { [Constant(name: $0, value: 0)] } ?? [])
  }

  private static func constants(_ text: String, first: UInt64, next: (UInt64) -> UInt64) -> [Constant] {
    var following = first
    return text.split(whereSeparator: \.isWhitespace).map { word in
      let parts = word.split(separator: "=")
      if parts.count == 2 { following = number(parts[1]) }
      defer { following = next(following) }
      return Constant(name: String(parts[0]), value: following)
    }
  }

  private static func number(_ text: Substring) -> UInt64 {
    guard let number = text.hasPrefix("0x") ? UInt64(text.dropFirst(2), radix: 16) : UInt64(text) else {
      preconditionFailure("\(text) is no number")
    }
    return number
  }

  /// The names of what an argument says; what has no name as a number.
  func append(_ argument: UInt64, to text: inout ByteText) {
    let argument = isWide ? argument : argument & 0xffff_ffff
    if argument == 0, let zero { return text.append(zero) }
    var rest = argument
    let start = text.bytes.count
    if mask != 0, let name = values[argument & mask & (isWide ? .max : 0xffff_ffff)] {
      text.append(name)
      rest &= ~mask
    }
    for flag in flags where rest & flag.value == flag.value && flag.value != 0 {
      if text.bytes.count > start { text.append("|") }
      text.append(flag.name)
      rest &= ~flag.value
    }
    guard rest != 0 || text.bytes.count == start else { return }
    if text.bytes.count > start { text.append("|") }
    if flags.isEmpty { text.append(small: rest) } else { text.append(bits: rest) }
  }
}

extension ByteText {
  /// Bits in hexadecimal, `0` when there is none.
  mutating func append(bits: UInt64) {
    if bits == 0 { append("0") } else { append(hexadecimal: bits) }
  }

  /// The lower half of a register as the C `int` it mostly is.
  mutating func append(int register: UInt64) {
    append(signed: Int64(Int32(truncatingIfNeeded: register)))
  }

  mutating func append(signed number: Int64) {
    if number < 0 { append("-") }
    append(decimal: number.magnitude)
  }

  /// A number of which nothing is known: small ones, and small negative ones, in decimal.
  mutating func append(small number: UInt64) {
    let signed = Int64(Int32(truncatingIfNeeded: number))
    if number < 10_000 {
      append(decimal: number)
    } else if signed < 0, signed > -10_000, number == UInt64(bitPattern: signed) || number >> 32 == 0 {
      append(signed: signed)
    } else {
      append(hexadecimal: number)
    }
  }
}
