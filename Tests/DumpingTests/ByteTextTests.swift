// Text under construction.
import Testing

@testable import Dumping
import Texts

@Suite struct ByteTextTests {
  @Test func foreignTextCannotSteerATerminal() {
    #expect(String(decoding: ByteText(foreign: "a\u{1b}[2J\u{202e}b").bytes, as: UTF8.self) == "a\u{fffd}[2J\u{fffd}b")
  }

  @Test func numbers() {
    var text = ByteText()
    text.append(decimal: 0)
    text.append(hexadecimal: .max)
    text.append(seconds: 1_234_567_890)
    #expect(String(decoding: text.bytes, as: UTF8.self) == "00xffffffffffffffff1.234s")
  }
}
