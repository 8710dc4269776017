// The lines of an in-process dump that name places, taken apart. Anything may stand in front of them, as in
// a log, and anything at all in their stead: what is not exactly as the runtime writes it is no such line.

/// ` module 0x5563a000-0x5563f000 build-id:3232f6 /usr/bin/server`
struct ListedModule: Equatable {
  var addresses: Range<UInt64>
  /// nil: the process could not read it.
  var buildID: [UInt8]?
  var path: String
  /// Where its symbols are; nil: nowhere.
  var file: String?

  /// As frames name it: the runtime keeps 47 bytes of the last part of a path.
  var name: String

  init?(_ line: ArraySlice<UInt8>) {
    guard let start = line.firstIndex(of: " module 0x") else { return nil }
    var rest = line[(start + " module ".utf8.count)...]
    guard let low = rest.takeAddress(), rest.take("-"), let high = rest.takeAddress(), low < high,
      rest.take(" build-id:"), let id = rest.takeIdentifier(), rest.take(" "), !rest.isEmpty,
      rest.count <= 4096, !rest.contains(0)
    else { return nil }
    addresses = low..<high
    buildID = id.isEmpty ? nil : id
    path = String(decoding: rest, as: UTF8.self)
    let last = rest.lastIndex(of: UInt8(ascii: "/")).map { rest[($0 + 1)...] } ?? rest
    name = String(decoding: last.prefix(47), as: UTF8.self)
  }
}

/// ` 0x5563a012 [server+0x12]`, with ` ?` in front if it is a guess.
struct ListedFrame {
  /// Of the line: where the frame begins.
  var start: Int
  var pc, offset: UInt64
  var isGuess = false
  /// A signal came here: it is no return address.
  var isExact: Bool

  static let interrupted = " (interrupted here)"

  init?(_ line: ArraySlice<UInt8>) {
    isExact = line.ends(with: Self.interrupted)
    let text = isExact ? line.dropLast(Self.interrupted.utf8.count) : line
    guard text.last == UInt8(ascii: "]"), let plus = text.lastIndex(of: UInt8(ascii: "+")) else { return nil }
    var offsetText = text[(plus + 1)...].dropLast()
    guard let offset = offsetText.takeAddress(), offsetText.isEmpty else { return nil }
    self.offset = offset
    // The module's name may hold anything; the address in front of it is the first one that fits.
    var search = text[..<plus]
    while let found = search.firstIndex(of: " 0x") {
      var rest = text[(found + 1)..<plus]
      if let pc = rest.takeAddress(), rest.take(" ["), pc >= offset {
        self.pc = pc
        start = found
        isGuess = text[..<found].ends(with: " ?")
        if isGuess { start -= 2 }
        return
      }
      search = text[(found + 1)..<plus]
    }
    return nil
  }
}

/// `fibril:server+0x12   state:R`: a fibril that has no name of its own.
struct ListedName {
  var start, end: Int
  var module: String
  var offset: UInt64

  init?(_ line: ArraySlice<UInt8>) {
    guard let start = line.firstIndex(of: "fibril:"), let state = line.firstIndex(of: " state:"), start < state else {
      return nil
    }
    let name = line[(start + "fibril:".utf8.count)..<state]
    guard let last = name.lastIndex(where: { $0 != UInt8(ascii: " ") }),
      let plus = name.lastIndex(of: UInt8(ascii: "+"))
    else { return nil }
    guard plus < last else { return nil }
    var rest = name[(plus + 1)...last]
    guard let offset = rest.takeAddress(), rest.isEmpty else { return nil }
    self.start = start
    end = state + 1
    module = String(decoding: name[..<plus], as: UTF8.self)
    self.offset = offset
  }
}

extension ArraySlice<UInt8> {
  func ends(with text: String) -> Bool { suffix(text.utf8.count).elementsEqual(text.utf8) }

  /// Where a short text begins; nil if it is not in here.
  fileprivate func firstIndex(of text: String) -> Int? {
    let text = Array(text.utf8)
    var start = startIndex
    while let found = self[start...].firstIndex(of: text[0]) {
      guard endIndex - found >= text.count else { return nil }
      if self[found..<found + text.count].elementsEqual(text) { return found }
      start = found + 1
    }
    return nil
  }

  fileprivate mutating func take(_ text: String) -> Bool {
    guard starts(with: text.utf8) else { return false }
    removeFirst(text.utf8.count)
    return true
  }

  /// `0x` and 1 to 16 digits.
  fileprivate mutating func takeAddress() -> UInt64? {
    guard take("0x") else { return nil }
    var value: UInt64 = 0
    var digits = 0
    while let digit = first.flatMap(hexadecimalDigit), digits < 16 {
      value = value << 4 | UInt64(digit)
      digits += 1
      removeFirst()
    }
    return digits == 0 || first.flatMap(hexadecimalDigit) != nil ? nil : value
  }

  /// Pairs of digits, or `-` for none; nil: neither.
  fileprivate mutating func takeIdentifier() -> [UInt8]? {
    if take("-") { return [] }
    var bytes: [UInt8] = []
    while bytes.count < 64, count >= 2, let high = hexadecimalDigit(self[startIndex]),
      let low = hexadecimalDigit(self[startIndex + 1])
    {
      bytes.append(high << 4 | low)
      removeFirst(2)
    }
    return bytes.isEmpty ? nil : bytes
  }
}

private func hexadecimalDigit(_ byte: UInt8) -> UInt8? {
  switch byte {
  case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
  case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
  default: nil
  }
}
