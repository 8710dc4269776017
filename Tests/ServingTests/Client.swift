// A client over a plain socket, which can misbehave as it likes.

import Glibc

/// An answer as it came.
struct Received: Sendable {
  var status = 0
  var headers: [String: String] = [:]
  var body: [UInt8] = []

  var text: String { String(decoding: body, as: UTF8.self) }
}

struct ClientError: Error {
  var call: String
  var error = errno
}

final class Client {
  private(set) var descriptor: Int32
  /// What has come and was not looked at.
  private var rest: [UInt8] = []

  init(_ port: UInt16, isIPv6: Bool = false, receiveBuffer: Int32? = nil) throws {
    descriptor = socket(isIPv6 ? AF_INET6 : AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
    guard descriptor >= 0 else { throw ClientError(call: "socket") }
    // Long enough to be no deadline of a test: what runs into it fails.
    var patience = timeval(tv_sec: 60, tv_usec: 0)
    unsafe setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &patience, socklen_t(MemoryLayout<timeval>.size))
    if var size = receiveBuffer {
      unsafe setsockopt(descriptor, SOL_SOCKET, SO_RCVBUF, &size, socklen_t(MemoryLayout<Int32>.size))
    }
    var result: Int32
    if isIPv6 {
      var address = sockaddr_in6()
      address.sin6_family = sa_family_t(AF_INET6)
      address.sin6_port = port.bigEndian
      address.sin6_addr = in6addr_loopback
      result = unsafe withUnsafePointer(to: &address) { pointer in
        unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
          unsafe connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in6>.size))
        }
      }
    } else {
      var address = sockaddr_in()
      address.sin_family = sa_family_t(AF_INET)
      address.sin_port = port.bigEndian
      address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
      result = unsafe withUnsafePointer(to: &address) { pointer in
        unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
          unsafe connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
        }
      }
    }
    guard result == 0 else { throw ClientError(call: "connect") }
  }

  deinit { if descriptor >= 0 { Glibc.close(descriptor) } }

  func close() {
    Glibc.close(descriptor)
    descriptor = -1
  }

  /// False: the server does not want it any more.
  @discardableResult
  func send(_ bytes: some Collection<UInt8>) -> Bool {
    var rest = Array(bytes)[...]
    while !rest.isEmpty {
      let sent = unsafe rest.withUnsafeBytes {
        unsafe Glibc.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
      }
      guard sent > 0 else { return false }
      rest = rest.dropFirst(sent)
    }
    return true
  }

  @discardableResult
  func send(_ text: String) -> Bool { send(text.utf8) }

  /// Some more bytes; empty: the server has closed, properly or not.
  private func receive() throws -> [UInt8] {
    var buffer = [UInt8](repeating: 0, count: 64 << 10)
    let count = unsafe buffer.withUnsafeMutableBytes { unsafe recv(descriptor, $0.baseAddress, $0.count, 0) }
    if count < 0, errno != ECONNRESET, errno != EPIPE { throw ClientError(call: "recv") }
    return Array(buffer.prefix(max(count, 0)))
  }

  /// Everything up to and with the text; nil: the server closed before.
  func receive(through text: String) throws -> String? {
    var looked = 0
    while true {
      if let end = end(of: text, from: looked) {
        defer { rest.removeFirst(end) }
        return String(decoding: rest[..<end], as: UTF8.self)
      }
      looked = max(0, rest.count - text.utf8.count)
      let more = try receive()
      guard !more.isEmpty else { return nil }
      rest += more
    }
  }

  /// Where the text ends, if it is there.
  private func end(of text: String, from place: Int) -> Int? {
    let wanted = Array(text.utf8)
    return unsafe rest.withUnsafeBytes { bytes in
      var place = place
      while place + wanted.count <= bytes.count,
        let found = unsafe memchr(bytes.baseAddress! + place, Int32(wanted[0]), bytes.count - wanted.count + 1 - place)
      {
        place = unsafe UnsafeRawPointer(found) - bytes.baseAddress!
        if unsafe memcmp(found, wanted, wanted.count) == 0 { return place + wanted.count }
        place += 1
      }
      return nil
    }
  }

  /// Everything until the server closes.
  func receiveAll() throws -> [UInt8] {
    while case let more = try receive(), !more.isEmpty { rest += more }
    defer { rest = [] }
    return rest
  }

  /// The head of an answer; nil: the server closed before.
  func receiveHead() throws -> Received? {
    guard let head = try receive(through: "\r\n\r\n") else { return nil }
    let lines = head.split(separator: "\r\n")
    var answer = Received(status: Int(lines[0].split(separator: " ")[1])!)
    for line in lines.dropFirst() {
      let parts = line.split(separator: ":", maxSplits: 1)
      answer.headers[parts[0].lowercased()] = String(parts[1].drop { $0 == " " })
    }
    return answer
  }

  /// An answer; nil: the server closed before. `isHead`: it has no body.
  func receiveAnswer(isHead: Bool = false) throws -> Received? {
    guard var answer = try receiveHead() else { return nil }
    guard !isHead else { return answer }
    guard let length = answer.headers["content-length"].flatMap({ Int($0) }) else {
      answer.body = try receiveAll()
      return answer
    }
    while rest.count < length {
      let more = try receive()
      guard !more.isEmpty else { return nil }
      rest += more
    }
    answer.body = Array(rest[..<length])
    rest.removeFirst(length)
    return answer
  }

  /// Sends a request (`GET /metrics`) and takes its answer.
  func ask(_ request: String, host: String = "localhost", headers: String = "") throws -> Received {
    send("\(request) HTTP/1.1\r\nHost: \(host)\r\n\(headers)\r\n")
    let answer = try receiveAnswer(isHead: request.hasPrefix("HEAD "))
    guard let answer else { throw ClientError(call: "answer", error: 0) }
    return answer
  }
}

/// One request on a connection of its own.
func ask(_ port: UInt16, _ request: String, host: String = "localhost", headers: String = "") throws -> Received {
  try Client(port).ask(request, host: host, headers: headers)
}
