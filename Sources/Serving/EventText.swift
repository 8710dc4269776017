// Events of a stream, as a browser's EventSource reads them.

import NIOCore

enum EventText {
  /// One event. A line break in the data would end it: each line is sent as one, and arrives as it was.
  static func event(_ name: String, data: [UInt8]) -> ByteBuffer {
    var buffer = ByteBuffer(string: "event: \(name)\n")
    buffer.reserveCapacity(minimumWritableBytes: data.count + 16)
    let lines = data.split(omittingEmptySubsequences: true) { $0 == UInt8(ascii: "\n") || $0 == UInt8(ascii: "\r") }
    for line in lines {
      buffer.writeStaticString("data: ")
      buffer.writeBytes(line)
      buffer.writeStaticString("\n")
    }
    buffer.writeStaticString("\n")
    return buffer
  }

  /// The last event, and why it is.
  static func ending(why: String) -> ByteBuffer {
    var text = "{\"why\":\""
    for scalar in why.unicodeScalars {
      switch scalar {
      case "\"", "\\": text += "\\\(scalar)"
      case "\0"..<" ", "\u{7F}"..<"\u{A0}": text += "\u{FFFD}"
      default: text.unicodeScalars.append(scalar)
      }
    }
    return event("ending", data: [UInt8]("\(text)\"}".utf8))
  }
}
