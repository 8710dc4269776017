// System calls with arguments and the memory behind them, for the golden file of decoded calls.
import TraceEvents

@testable import Dumping
@testable import Inspection
import Texts

/// A call as it is found in a process.
struct CallCase {
  var name: String
  var arguments: [UInt64]
  /// By argument: what lies where it points.
  var memory: [Int: [UInt8]] = [:]

  init(_ name: String, _ arguments: Argument...) {
    self.name = name
    self.arguments = arguments.map(\.value) + Array(repeating: 0, count: 6 - arguments.count)
    for (index, argument) in arguments.enumerated() { memory[index] = argument.memory }
  }

  /// As the dump writes it, with only as many bytes behind the arguments as it asks for.
  var text: String {
    guard let number = Self.numbers[name] else { return "\(name) has no number" }
    let pointed = CallArguments.pointed(number, arguments).compactMap { range -> PointedBytes? in
      guard let bytes = memory[range.argument], !range.addresses.isEmpty else { return nil }
      return PointedBytes(argument: range.argument, bytes: Array(bytes.prefix(range.addresses.count)))
    }
    let names = DescriptorNames { $0 == 5 ? Array("/var/log/x".utf8) : $0 == 6 ? Array("socket:[123]".utf8) : nil }
    var text = ByteText()
    CallArguments.append(call: number, arguments, pointed, descriptors: names, to: &text)
    return String(decoding: text.bytes, as: UTF8.self)
  }

  static let numbers = Dictionary(
    (UInt32(0)..<600).compactMap { number in SystemCallNames.name(of: number).map { ($0, number) } }
  ) { first, _ in first }
}

/// One argument: a number, or an address of bytes.
struct Argument: ExpressibleByIntegerLiteral, ExpressibleByStringLiteral {
  var value: UInt64
  var memory: [UInt8]?

  init(integerLiteral value: Int64) { self.value = UInt64(bitPattern: value) }
  init(stringLiteral text: String) { self = .at(Array(text.utf8) + [0]) }
  private init(_ value: UInt64, _ memory: [UInt8]?) { (self.value, self.memory) = (value, memory) }

  static func at(_ bytes: [UInt8]) -> Argument { Argument(0x7f10_2000_1000, bytes) }
  static func words(_ words: UInt64...) -> Argument { at(words.flatMap { little($0) }) }
  static let somewhere: Argument = 0x7ffc_0000_5000
  static let unreadable: Argument = 0x6666_6000

  static func little<Number: FixedWidthInteger>(_ number: Number) -> [UInt8] {
    (0..<Number.bitWidth / 8).map { UInt8(truncatingIfNeeded: number >> ($0 * 8)) }
  }

  static func internet(_ port: UInt16, _ a: UInt8, _ b: UInt8, _ c: UInt8, _ d: UInt8) -> Argument {
    at(little(UInt16(2)) + [UInt8(port >> 8), UInt8(port & 255), a, b, c, d] + Array(repeating: 0, count: 8))
  }

  static func internet6(_ port: UInt16, _ groups: [UInt16], scope: UInt32 = 0) -> Argument {
    at(
      little(UInt16(10)) + [UInt8(port >> 8), UInt8(port & 255), 0, 0, 0, 0]
        + groups.flatMap { [UInt8($0 >> 8), UInt8($0 & 255)] } + little(scope))
  }

  static func unix(_ name: String) -> Argument { at([1, 0] + Array(name.utf8) + [0]) }

  static func polls(_ list: (Int32, UInt16)...) -> Argument {
    at(list.flatMap { little($0.0) + little($0.1) + [0, 0] })
  }
}
