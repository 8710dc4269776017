// A system call with its arguments, as a programmer would write it: `read(5</var/log/x>, 0x7ffc10, 4096)`.
internal import Inspection
internal import TraceEvents
internal import Texts

enum CallArguments {
  /// A system call takes no more.
  private static let most = 6

  /// What of the memory that a call's arguments point at is worth having.
  static func pointed(_ call: UInt32, _ arguments: [UInt64]) -> [PointedRange] {
    guard let signature = CallSignature.of(call) else { return [] }
    let arguments = padded(arguments)
    var ranges: [PointedRange] = []
    for (index, kind) in signature.arguments.enumerated() {
      guard let bytes = kind.resolved(arguments, at: index)?.bytes(arguments, at: index), bytes > 0 else { continue }
      ranges.append(PointedRange(argument: index, address: arguments[index], bytes: bytes))
    }
    return ranges
  }

  /// `pointed` is what was copied of the memory behind the arguments. Of a call whose arguments are
  /// not known, none is said: `openat(...)`. Of calls that are not in the table, zeros at the end are left out.
  static func append(
    call number: UInt32, _ arguments: [UInt64], _ pointed: [PointedBytes], descriptors: DescriptorNames? = nil,
    to text: inout ByteText
  ) {
    if let name = SystemCallNames.name(of: number) {
      text.append(own: name)
    } else {
      text.append("system call ")
      text.append(decimal: UInt64(number))
    }
    text.append("(")
    let signature = CallSignature.of(number)
    if arguments.isEmpty, signature?.arguments.isEmpty != true {
      text.append("...")
    } else if let signature {
      let writer = ArgumentText(arguments: padded(arguments), pointed: pointed, descriptors: descriptors)
      writer.append(signature.arguments, to: &text)
    } else {
      let given = arguments.prefix(most)
      for (index, argument) in given.prefix(given.lastIndex { $0 != 0 }.map { $0 + 1 } ?? 0).enumerated() {
        if index > 0 { text.append(", ") }
        text.append(small: argument)
      }
    }
    text.append(")")
  }

  private static func padded(_ arguments: [UInt64]) -> [UInt64] {
    arguments.count >= most ? arguments : arguments + Array(repeating: 0, count: most - arguments.count)
  }
}
