// A JSON document under construction, written as it goes.

/// JSON that grows at its end. Who uses it opens and closes brackets in pairs.
struct JSONText {
  private(set) var text = ByteText()
  private var needsComma = false

  /// The greatest whole number that everybody's numbers can hold: 2^53 - 1.
  static let greatestExact: UInt64 = 1 << 53 - 1

  mutating func open(_ bracket: StaticString) {
    separate()
    text.append(bracket)
    needsComma = false
  }

  mutating func close(_ bracket: StaticString) {
    text.append(bracket)
    needsComma = true
  }

  /// What follows is its value.
  mutating func key(_ name: StaticString) {
    separate()
    text.append("\"")
    text.append(name)
    text.append("\":")
    needsComma = false
  }

  /// The next value begins on a line of its own.
  mutating func newLine() {
    if needsComma { text.append(",") }
    text.append("\n")
    needsComma = false
  }

  mutating func string(_ value: String) { self.value { $0.append(json: value) } }

  mutating func string(_ value: ByteText) { string(String(decoding: value.bytes, as: UTF8.self)) }

  /// A quantity. Who cannot hold it exactly may round it.
  mutating func number(_ value: UInt64) { self.value { $0.append(decimal: value) } }

  /// A number that must not be rounded: a string of digits where it could be.
  mutating func identifier(_ value: UInt64) {
    if value <= Self.greatestExact { return number(value) }
    self.value { text in
      text.append("\"")
      text.append(decimal: value)
      text.append("\"")
    }
  }

  /// `"0x7f1200"`
  mutating func address(_ value: UInt64) {
    self.value { text in
      text.append("\"")
      text.append(hexadecimal: value)
      text.append("\"")
    }
  }

  mutating func boolean(_ value: Bool) { self.value { $0.append(value ? "true" : "false") } }

  mutating func null() { value { $0.append("null") } }

  /// A value that is JSON already.
  mutating func raw(_ value: ByteText) { self.value { $0.append(value) } }

  /// Hands out what was written so far.
  mutating func take() -> ByteText {
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
