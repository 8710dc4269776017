// An answer as bytes: its status line, its headers, its body.

import Glibc
import NIOCore
import NIOHTTP1

struct Answer: Sendable {
  var status: HTTPResponseStatus = .ok
  var type: String
  var headers: [(name: String, value: String)] = []
  /// Nil: a stream, which ends with its connection.
  var body: [UInt8]?

  /// What a browser may do with what it got here: nothing but show this server's own page.
  private static let protection = [
    (
      "Content-Security-Policy",
      "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; "
        + "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    ("X-Content-Type-Options", "nosniff"),
    ("Referrer-Policy", "no-referrer"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
    ("Cache-Control", "no-store"),
  ]

  /// As it goes over the wire. `closing`: nothing follows it on this connection.
  func encoded(withBody: Bool, closing: Bool, time: time_t = time(nil)) -> ByteBuffer {
    var text = "HTTP/1.1 \(status.code) \(status.reasonPhrase)\r\nDate: \(Self.date(time))\r\nContent-Type: \(type)\r\n"
    if let body { text += "Content-Length: \(body.count)\r\n" }
    if closing { text += "Connection: close\r\n" }
    for (name, value) in headers + Self.protection { text += "\(name): \(value)\r\n" }
    text += "\r\n"
    var buffer = ByteBufferAllocator().buffer(capacity: text.utf8.count + (body?.count ?? 0))
    buffer.writeString(text)
    if withBody, let body { buffer.writeBytes(body) }
    return buffer
  }

  /// `Sun, 06 Nov 1994 08:49:37 GMT`
  static func date(_ time: time_t) -> String {
    var time = time
    var parts = unsafe tm()
    unsafe gmtime_r(&time, &parts)
    let (year, month, day) = unsafe (parts.tm_year + 1900, Int(parts.tm_mon), parts.tm_mday)
    let clock = unsafe [parts.tm_hour, parts.tm_min, parts.tm_sec]
    let weekday = unsafe Int(parts.tm_wday)
    let days = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"]
    let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
    func two(_ number: Int32) -> String { number < 10 ? "0\(number)" : "\(number)" }
    return "\(days[weekday]), \(two(day)) \(months[month]) \(year) \(clock.map(two).joined(separator: ":")) GMT"
  }
}

/// An answer that is one line on what is wrong and why.
struct Refusal: Error {
  var status: HTTPResponseStatus
  var line: String
  var headers: [(name: String, value: String)] = []

  init(_ status: HTTPResponseStatus, _ line: String, headers: [(name: String, value: String)] = []) {
    self.status = status
    self.line = line
    self.headers = headers
  }

  /// Controls in the line would make more lines of it, or steer a terminal.
  var answer: Answer {
    let scalars = line.unicodeScalars.map { $0.value < 0x20 || (0x7F..<0xA0).contains($0.value) ? "\u{FFFD}" : $0 }
    var text = ""
    text.unicodeScalars.append(contentsOf: scalars)
    return Answer(
      status: status, type: "text/plain; charset=utf-8", headers: headers, body: [UInt8]("\(text)\n".utf8))
  }
}
