// The arguments of one system call as text.
internal import Inspection
internal import Texts

/// Writes the arguments of one call.
struct ArgumentText {
  /// All that there can be, zeros at the end.
  let arguments: [UInt64]
  let pointed: [PointedBytes]
  let descriptors: DescriptorNames?

  func append(_ kinds: [ArgumentKind], to text: inout ByteText) {
    var isFirst = true
    for (index, kind) in kinds.enumerated() {
      guard let kind = kind.resolved(arguments, at: index) else { continue }
      if !isFirst { text.append(", ") }
      isFirst = false
      append(kind, at: index, to: &text)
    }
  }

  private func append(_ kind: ArgumentKind, at index: Int, to text: inout ByteText) {
    let argument = arguments[index]
    switch kind {
    case .descriptor: text.append(descriptor: argument, descriptors)
    case .directory where Int32(truncatingIfNeeded: argument) == -100: text.append("AT_FDCWD")
    case .directory: text.append(descriptor: argument, descriptors)
    case .path, .string:
      if let bytes = bytes(at: index) { text.append(quoted: bytes) } else { text.append(pointer: argument) }
    case .int: text.append(int: argument)
    case .unsigned: text.append(decimal: argument & 0xffff_ffff)
    case .long, .offset: text.append(signed: Int64(bitPattern: argument))
    // What no memory can hold is no size but a mistake.
    case .size where argument >> 47 != 0: text.append(hexadecimal: argument)
    case .size: text.append(decimal: argument)
    case .id where argument & 0xffff_ffff == 0xffff_ffff: text.append("-1")
    case .id: text.append(decimal: argument & 0xffff_ffff)
    case .address: text.append(pointer: argument)
    case .bits: text.append(bits: argument)
    case .mode: text.append(mode: argument & 0xffff_ffff)
    case .namedMode(let names, let permissions):
      if argument & 0xffff_ffff & ~permissions != 0 {
        names.append(argument & ~permissions, to: &text)
        text.append("|")
      }
      text.append(mode: argument & permissions)
    case .constants(let names): names.append(argument, to: &text)
    case .structure(let structure):
      guard let bytes = bytes(at: index) else { return text.append(pointer: argument) }
      let following = index + 1 < arguments.count ? arguments[index + 1] & 0xffff_ffff : 0
      let writer = StructureText(bytes: bytes, address: argument, descriptors: descriptors)
      writer.append(structure, count: Int(following), bits: Int(arguments[0] & 0xffff_ffff), to: &text)
    case .chosen: text.append(bits: argument)
    }
  }

  private func bytes(at index: Int) -> [UInt8]? {
    arguments[index] == 0 ? nil : pointed.first { $0.argument == index }?.bytes
  }
}

extension ByteText {
  /// An address in another process.
  mutating func append(pointer: UInt64) {
    if pointer == 0 { append("NULL") } else { append(hexadecimal: pointer) }
  }

  mutating func append(descriptor: UInt64, _ names: DescriptorNames?) {
    append(int: descriptor)
    guard let name = names?.name(of: Int32(truncatingIfNeeded: descriptor)) else { return }
    append("<")
    append(escaped: name[...])
    append(">")
  }

  /// In octal, as modes are written.
  mutating func append(mode: UInt64) {
    if mode != 0 { append("0") }
    append(own: String(mode, radix: 8))
  }

  /// A C string that begins with these bytes: `"/tmp"`, or `"/very/long"...` if its end is not among them.
  mutating func append(quoted bytes: [UInt8]) {
    let end = bytes.firstIndex(of: 0)
    append("\"")
    append(escaped: bytes[..<(end ?? bytes.count)])
    append("\"")
    if end == nil { append("...") }
  }

  /// Bytes of another process as in a C string. What is no UTF-8 and what could move a cursor is escaped.
  mutating func append(escaped foreign: ArraySlice<UInt8>) {
    var rest = foreign
    while true {
      let plain = rest.prefix { $0 >= 0x20 && $0 < 0x7f && $0 != UInt8(ascii: "\"") && $0 != UInt8(ascii: "\\") }
      append(bytes: plain)
      rest = rest[plain.endIndex...]
      guard let byte = rest.first else { return }
      if byte >= 0x80, let length = Self.scalarLength(rest) {
        append(foreign: String(decoding: rest.prefix(length), as: UTF8.self))
        rest = rest.dropFirst(length)
        continue
      }
      rest = rest.dropFirst()
      switch byte {
      case UInt8(ascii: "\n"): append("\\n")
      case UInt8(ascii: "\t"): append("\\t")
      case UInt8(ascii: "\""): append("\\\"")
      case UInt8(ascii: "\\"): append("\\\\")
      default:
        append("\\x")
        append(own: String(byte >> 4, radix: 16))
        append(own: String(byte & 15, radix: 16))
      }
    }
  }

  /// How long the character is that the bytes begin with; nil if they begin with none.
  private static func scalarLength(_ bytes: ArraySlice<UInt8>) -> Int? {
    var iterator = bytes.prefix(4).makeIterator()
    var decoder = UTF8()
    guard case .scalarValue(let scalar) = decoder.decode(&iterator) else { return nil }
    return UTF8.width(scalar)
  }
}
