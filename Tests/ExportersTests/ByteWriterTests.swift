// The hand-made formatting against the standard library's.

import Testing

@testable import Exporters

@Suite struct ByteWriterTests {
  private func text(_ write: (inout ByteWriter) -> Void) -> String {
    var bytes: [UInt8] = []
    var writer = ByteWriter(pieceSize: 100) { bytes += $0 }
    write(&writer)
    writer.flush()
    return String(decoding: bytes, as: UTF8.self)
  }

  @Test func decimals() {
    var value: UInt64 = 1
    for _ in 0..<64 {
      for near in [value &- 1, value, value &* 3] { #expect(text { $0.append(decimal: near) } == "\(near)") }
      value &*= 2
    }
    for number in [Int64.min, -1, 0, .max] { #expect(text { $0.append(decimal: number) } == "\(number)") }
  }

  @Test(arguments: [
    (0, "0.000"), (1, "0.001"), (999, "0.999"), (1000, "1.000"), (1_234_567, "1234.567"),
    (UInt64.max, "18446744073709551.615"),
  ])
  func microseconds(nanoseconds: UInt64, expected: String) {
    #expect(text { $0.append(microseconds: nanoseconds) } == expected)
  }
}
