// Requests that are wrong, on purpose or not: each is refused alone, and ends its connection.

import Glibc
import Synchronization
import Testing

@testable import Serving

@Suite struct MalformedRequestTests {
  /// Requests after which nobody can tell where the next begins. Each is followed by one that must not be answered.
  static let unframed = [
    "POST /dump?pid=1 HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "POST /dump?pid=1 HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n",
    "POST /dump?pid=1 HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\nContent-Length: 5\r\n\r\n",
    "POST /dump?pid=1 HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\nhello",
    "GET /healthz HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0, 0\r\n\r\n",
    "GET /healthz HTTP/1.1\r\nHost: localhost\r\nContent-Length: +0\r\n\r\n",
    "GET /healthz HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n",
    "GET /healthz HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0x0\r\n\r\n",
    "GET /healthz HTTP/1.1\r\nHost: localhost\r\nContent-Length: \r\n\r\n",
    "GET /healthz HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999999999999999\r\n\r\n",
    "GET /healthz HTTP/1.1\r\nHost: localhost\r\nContent-Length : 0\r\n\r\n",
    "GET /healthz HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
    "GET /healthz HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    "GET /healthz HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n",
    "GET /healthz HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
    "GET /healthz HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nz\r\n",
    "GET /healthz HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\n",
    "GET /healthz HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n",
    "GET /healthz HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nabc\r\n",
    "GET /healthz HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
  ]

  @Test(arguments: unframed) func nothingIsSmuggledBehind(_ request: String) async throws {
    let source = FakeSource()
    try await withServer(source: source) { _, address throws in
      let client = try Client(address.port)
      client.send(request + "GET /figures.json HTTP/1.1\r\nHost: localhost\r\n\r\n")
      let answer = try client.receiveAnswer()
      #expect(answer?.headers["connection"] == "close")
      #expect(answer?.status == 400, "\(request)")
      #expect(try client.receiveAll() == [], "one answer, and the end")
      #expect(source.script.withLock { $0.dumped } == [])
    }
  }

  static let wrong: [(status: Int, request: String)] = [
    (400, "GET /healthz HTTP/1.1\r\n\r\n"),
    (400, "GET /healthz HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\n\r\n"),
    (400, "GET http://localhost/healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"),
    (400, "OPTIONS * HTTP/1.1\r\nHost: localhost\r\n\r\n"),
    (400, "CONNECT localhost:80 HTTP/1.1\r\nHost: localhost\r\n\r\n"),
    (400, "GET /healthz HTTP/1.1\r\nHost: localhost\r\nX\r\n\r\n"),
    (400, "GET /healthz HTTP/1.1\r\nHost: localhost\r\n: x\r\n\r\n"),
    (400, "GET /healthz HTTP/1.1\r\nHost: localhost\r\nX: a\0b\r\n\r\n"),
    (400, "GET /healthz HTTP/1.1\r\nHost: localhost\r\nX Y: a\r\n\r\n"),
    (400, "GET /a b HTTP/1.1\r\nHost: localhost\r\n\r\n"),
    (400, "GET /healthz HTTP/1.1\rHost: localhost\r\r"),
    (400, "NOTHING /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"),
    (400, "get /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"),
    (400, "\u{16}\u{3}\u{1}\u{2}\0\u{1}\0\u{1}\u{FC}\u{3}\u{3}"),
    (400, String(repeating: "\u{7F}", count: 100_000)),
    (505, "GET /healthz HTTP/1.1x\r\nHost: localhost\r\n\r\n"),
    (505, "GET /healthz HTTP/2.0\r\nHost: localhost\r\n\r\n"),
    (413, "POST /dump?pid=1 HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1025\r\n\r\n"),
    (413, "POST /dump?pid=1 HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9223372036854775807\r\n\r\n"),
    (
      413,
      "POST /dump?pid=1 HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
        + String(repeating: "10\r\n0123456789abcdef\r\n", count: 5000)
    ),
    (431, "GET /" + String(repeating: "x", count: 9000) + " HTTP/1.1\r\nHost: localhost\r\n\r\n"),
    (431, "GET /healthz HTTP/1.1\r\nHost: localhost\r\nX: " + String(repeating: "x", count: 9000) + "\r\n\r\n"),
    (431, "GET /healthz HTTP/1.1\r\nHost: localhost\r\n" + String(repeating: "x", count: 500_000)),
    (431, "GET /healthz HTTP/1.1\r\nHost: localhost\r\n" + String(repeating: "X: y\r\n", count: 300) + "\r\n"),
    (431, "GET /healthz HTTP/1.1\r\nHost: localhost\r\n" + String(repeating: "X: y\r\n", count: 300_000)),
  ]

  @Test func whatIsWrongIsSaidOnOneLineAndOthersGoOn() async throws {
    let source = FakeSource()
    try await withServer(source: source) { _, address throws in
      let other = try Client(address.port)
      for (status, request) in Self.wrong {
        let client = try Client(address.port)
        client.send(request)
        let answer = try client.receiveAnswer()
        #expect(answer?.status == status, "\(request.prefix(200))")
        #expect(answer?.text.hasPrefix("cannot ") == true)
        #expect(answer?.text.firstIndex(of: "\n") == answer?.text.dropLast().endIndex)
        #expect(try other.ask("GET /healthz").status == 200)
      }
      #expect(source.script.withLock { $0.dumped } == [])
    }
  }

  @Test func longestHeadersAndBodiesAreTaken() async throws {
    try await withServer { _, address throws in
      let client = try Client(address.port)
      for _ in 0..<3 {
        let header = "X: \(String(repeating: "x", count: 8000))\r\n"
        #expect(try client.ask("GET /healthz", headers: header).status == 200)
        let body = String(repeating: "x", count: 1024)
        #expect(try client.ask("GET /healthz", headers: "Content-Length: 1024\r\n\r\n\(body)").status == 200)
      }
    }
  }

  @Test func tenThousandBrokenRequestsLeaveItAnswering() async throws {
    let requests = [
      "GET /metrics HTTP/1.1\r\nHost: localhost\r\nAccept: text/plain;q=0.5\r\n\r\n",
      "POST /dump?pid=1 HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nOrigin: http://localhost\r\n\r\nhello",
      "HEAD / HTTP/1.1\r\nHost: [::1]:80\r\nConnection: keep-alive\r\n\r\nGET /live HTTP/1.1\r\nHost: localhost\r\n\r\n",
      "GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nX: y\r\n\r\n",
    ].map { [UInt8]($0.utf8) }
    try await withServer { _, address throws in
      let other = try Client(address.port)
      var random = Generator(state: 0x5EED)
      for round in 0..<10_000 {
        let client = try Client(address.port)
        client.send(requests[round % requests.count].broken(by: &random))
        // Without more to come the server closes, if it has not answered before.
        shutdown(client.descriptor, Int32(SHUT_WR))
        _ = try client.receiveAll()
        if round % 100 == 0 { #expect(try other.ask("GET /healthz").status == 200) }
      }
      #expect(try other.ask("GET /healthz").status == 200)
    }
  }
}

/// The same numbers in every run.
private struct Generator: RandomNumberGenerator {
  var state: UInt64

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var mixed = state
    mixed = (mixed ^ mixed >> 30) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ mixed >> 27) &* 0x94D0_49BB_1331_11EB
    return mixed ^ mixed >> 31
  }
}

extension [UInt8] {
  /// With one to eight changes: bytes altered, taken out, put in, doubled, or all cut off from some place.
  fileprivate func broken(by random: inout Generator) -> [UInt8] {
    var result = self
    for _ in 0..<Int.random(in: 1...8, using: &random) where !result.isEmpty {
      let place = Int.random(in: result.indices, using: &random)
      let end = Swift.min(result.count, place + Int.random(in: 1...20, using: &random))
      switch Int.random(in: 0..<5, using: &random) {
      case 0: result[place] = .random(in: .min ... .max, using: &random)
      case 1: result.removeSubrange(place..<end)
      case 2: result.insert(contentsOf: "\r\n:, ;\0".utf8.shuffled(using: &random).prefix(2), at: place)
      case 3: result.insert(contentsOf: result[place..<end], at: place)
      default: result.removeSubrange(place...)
      }
    }
    return result
  }
}
