// A JSON document under construction, written as it goes.

/// JSON that grows at its end. Who uses it opens and closes brackets in pairs.
public struct JSONText {
  public private(set) var text = ByteText()
  private var needsComma = false

  public init() {}

  /// The greatest whole number that everybody's numbers can hold: 2^53 - 1.
  public static let greatestExact: UInt64 = 1 << 53 - 1

  public mutating func open(_ bracket: StaticString) {
    separate()
    text.append(bracket)
    needsComma = false
  }

  public mutating func close(_ bracket: StaticString) {
    text.append(bracket)
    needsComma = true
  }

  /// What follows is its value.
  public mutating func key(_ name: StaticString) {
    separate()
    text.append("\"")
    text.append(name)
    text.append("\":")
    needsComma = false
  }

  /// The same for a name that comes from elsewhere.
  public mutating func key(foreign name: String) {
    separate()
    text.append(json: name)
    text.append(":")
    needsComma = false
  }

  /// The next value begins on a line of its own.
  public mutating func newLine() {
    if needsComma { text.append(",") }
    text.append("\n")
    needsComma = false
  }

  public mutating func string(_ value: String) { self.value { $0.append(json: value) } }

  public mutating func string(_ value: ByteText) { string(String(decoding: value.bytes, as: UTF8.self)) }

  /// A quantity. Who cannot hold it exactly may round it.
  public mutating func number(_ value: UInt64) { self.value { $0.append(decimal: value) } }

  /// A finite number, with three decimals.
  public mutating func number(_ value: Double) {
    self.value { text in
      let thousandths = (value.magnitude * 1000).rounded()
      let whole = UInt64(exactly: thousandths) ?? UInt64.max
      if value < 0 { text.append("-") }
      text.append(decimal: whole / 1000)
      text.append(".")
      for place: UInt64 in [100, 10, 1] { text.append(decimal: whole / place % 10) }
    }
  }

  /// A number that must not be rounded: a string of digits where it could be.
  public mutating func identifier(_ value: UInt64) {
    if value <= Self.greatestExact { return number(value) }
    self.value { text in
      text.append("\"")
      text.append(decimal: value)
      text.append("\"")
    }
  }

  /// `"0x7f1200"`
  public mutating func address(_ value: UInt64) {
    self.value { text in
      text.append("\"")
      text.append(hexadecimal: value)
      text.append("\"")
    }
  }

  public mutating func boolean(_ value: Bool) { self.value { $0.append(value ? "true" : "false") } }

  public mutating func null() { value { $0.append("null") } }

  /// A value that is JSON already.
  public mutating func raw(_ value: ByteText) { self.value { $0.append(value) } }

  /// Hands out what was written so far.
  public mutating func take() -> ByteText {
    defer { text.removeAll() }
    return text
  }

  private mutating func value(_ append: (inout ByteText) -> Void) {
    separate()
    append(&text)
    needsComma = true
  }

  private mutating func separate() {
    if needsComma { text.append(",") }
    needsComma = false
  }
}
