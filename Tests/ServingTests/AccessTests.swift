// Who may read: tokens, the names the server answers to, foreign pages.

import Synchronization
import Testing

@testable import Serving

@Suite struct AccessTests {
  static let token = "s3cret-" + String(repeating: "t", count: 40)

  @Test func dataNeedsTheTokenAndNothingElseDoes() async throws {
    try await withServer(token: Self.token) { _, address throws in
      let right = "Authorization: Bearer \(Self.token)\r\n"
      let requests = ["GET /metrics", "GET /figures.json", "HEAD /live", "POST /dump?pid=1"]
      for request in requests {
        let refused = try ask(address.port, request)
        #expect(refused.status == 401)
        #expect(refused.headers["www-authenticate"] == "Bearer")
        #expect(try ask(address.port, request, headers: right).status == 200)
      }
      for request in ["GET /", "GET /page.css", "GET /page.js", "GET /healthz"] {
        #expect(try ask(address.port, request).status == 200)
      }
      #expect(try ask(address.port, "GET /metrics", headers: "authorization: bearer \(Self.token)\r\n").status == 200)
    }
  }

  @Test func onlyTheWholeTokenWillDo() async throws {
    try await withServer(token: Self.token) { _, address throws in
      let long = String(repeating: "t", count: ServerOptions.longestToken)
      let wrong = [
        "", "Bearer", "Bearer ", "Bearer \(Self.token.dropLast())", "Bearer \(Self.token.dropFirst())",
        "Bearer \(Self.token)t", "Bearer  \(Self.token)", "Bearer \(Self.token)\(long)", "Bearer \(long)\(long)",
        "Bearer \(Self.token.uppercased())", "Basic \(Self.token)", Self.token, "Bearer \(Self.token), x",
      ]
      for value in wrong {
        #expect(try ask(address.port, "GET /metrics", headers: "Authorization: \(value)\r\n").status == 401, "\(value)")
      }
      let twice = String(repeating: "Authorization: Bearer \(Self.token)\r\n", count: 2)
      #expect(try ask(address.port, "GET /metrics", headers: twice).status == 401)
    }
  }

  @Test func theLongestTokenIsComparedWhole() throws {
    var secret = [UInt8](repeating: 0x41, count: ServerOptions.longestToken)
    let token = try #require(Token(secret))
    #expect(token.matches(secret))
    for length in 0..<secret.count { #expect(!token.matches(secret.prefix(length))) }
    #expect(!token.matches(secret + [0x41]))
    secret[secret.count - 1] = 0x42
    #expect(!token.matches(secret))
    #expect(!(try #require(Token([0x41]))).matches([0x41, 0]), "padding is no part of it")
    for unusable in [[], [0x20], [0x41, 0x0A], [0xC3, 0xA4], [UInt8](repeating: 0x41, count: 257)] {
      #expect(Token(unusable) == nil)
    }
  }

  @Test func foreignNamesAreNotAnsweredTo() async throws {
    try await withServer { _, address throws in
      for name in ["localhost", "LocalHost:80", "127.0.0.1", "127.255.0.3:9464", "[::1]", "[::1]:1"] {
        #expect(try ask(address.port, "GET /metrics", host: name).status == 200, "\(name)")
      }
      let foreign = [
        "example.org", "localhost.example.org", "127.0.0.1.example.org", "1.127.0.0", "127.0.0.256", "127.0.0",
        "127.0.0.1:80:80", "127.0.0.1@example.org", "[::2]", "[::1]x", "[::1", "::1", "localhost:x", "0.0.0.0", "",
        "127.0.0.+1", "127...1",
      ]
      for name in foreign {
        for request in ["GET /metrics", "GET /", "GET /healthz", "POST /dump?pid=1"] {
          #expect(try ask(address.port, request, host: name).status == 403, "\(name)")
        }
      }
    }
  }

  @Test func aServerForOthersAnswersToAnyNameButWantsAToken() async throws {
    try await withServer(host: "0.0.0.0", token: "t") { _, address throws in
      let answer = try ask(
        address.port, "GET /metrics", host: "host.example.org", headers: "Authorization: Bearer t\r\n")
      #expect(answer.status == 200)
      #expect(try ask(address.port, "GET /metrics", host: "host.example.org").status == 401)
    }
  }

  @Test func foreignPagesDumpNothing() async throws {
    let source = FakeSource()
    try await withServer(source: source) { _, address throws in
      let own = [
        "", "Sec-Fetch-Site: same-origin\r\nOrigin: http://localhost:99\r\n", "Sec-Fetch-Site: none\r\n",
        "Origin: https://localhost:99\r\n",
      ]
      for headers in own {
        #expect(try ask(address.port, "POST /dump?pid=1", host: "localhost:99", headers: headers).status == 200)
      }
      let foreign = [
        "Sec-Fetch-Site: cross-site\r\n", "Sec-Fetch-Site: same-site\r\n", "Origin: null\r\n", "Origin: \r\n",
        "Origin: http://localhost\r\n", "Origin: http://example.org\r\n", "Origin: http://localhost:99/\r\n",
        "Origin: http://localhost:99\r\nOrigin: http://localhost:99\r\n",
        "Sec-Fetch-Site: none\r\nSec-Fetch-Site: cross-site\r\n",
      ]
      for headers in foreign {
        let answer = try ask(address.port, "POST /dump?pid=1", host: "localhost:99", headers: headers)
        #expect(answer.status == 403, "\(headers)")
      }
      #expect(source.script.withLock { $0.dumped.count } == own.count)
    }
  }

  @Test func whereItCannotListenItSaysWhy() async throws {
    func failure(_ host: String, _ port: UInt16 = 0, token: [UInt8]? = nil) async throws -> String {
      let server = MetricsServer(options: ServerOptions(host: host, port: port, token: token), source: FakeSource())
      return try await onThread {
        do {
          let address = try server.start()
          server.end(why: "it should not have started")
          return "listens on \(address)"
        } catch { return "\(error)" }
      }
    }
    for host in ["0.0.0.0", "::", "192.0.2.1", "localhost"] {
      #expect(
        try await failure(host)
          == "cannot listen on \(host) without a token: others than this machine reach that address")
    }
    #expect(
      try await failure("127.0.0.1", token: [])
        == "cannot use the token: it has to be 1 to 256 characters of ASCII, without spaces")
    #expect(
      try await failure("192.0.2.1", 80, token: [0x41])
        == "cannot listen on 192.0.2.1, port 80: Cannot assign requested address")
    #expect(
      try await failure("name.example", token: [0x41])
        == "cannot listen on name.example, port 0: it is no numeric address")
    let taken = try await withServer { _, address throws in
      do {
        let options = ServerOptions(host: "127.0.0.1", port: address.port)
        return "\(try MetricsServer(options: options, source: FakeSource()).start())"
      } catch { return "\(error)".replacing("\(address.port)", with: "PORT") }
    }
    #expect(taken == "cannot listen on 127.0.0.1, port PORT: Address already in use")
  }
}
