// What the server answers to requests that are in order.

import Synchronization
import Testing

@testable import Serving

@Suite struct EndpointTests {
  @Test func metricsAreSentInTheFormatAskedFor() async throws {
    let source = FakeSource()
    try await withServer(source: source) { _, address throws in
      let plain = try ask(address.port, "GET /metrics")
      #expect(plain.status == 200)
      #expect(plain.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8")
      #expect(plain.text == "# TYPE fibril_events_total counter\nfibril_events_total 3\n")

      // What Prometheus 2.42 sends.
      let accept =
        "Accept: application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,"
        + "text/plain;version=0.0.4;q=0.5,*/*;q=0.1\r\n"
      let open = try ask(address.port, "GET /metrics", headers: accept)
      #expect(open.headers["content-type"] == "application/openmetrics-text; version=1.0.0; charset=utf-8")
      #expect(open.headers["vary"] == "Accept")
      #expect(open.text == "# TYPE fibril_events counter\nfibril_events_total 3\n# EOF\n")
      #expect(source.script.withLock { $0.counts.requests.map(\.count) } == [1], "the first of the two, by then")

      source.change { $0.metrics = nil }
      let silent = try ask(address.port, "GET /metrics")
      #expect(silent.status == 503)
      #expect(silent.text == "cannot say: what gathers the figures does not answer\n")
    }
  }

  @Test func healthIsTheCollectors() async throws {
    let source = FakeSource()
    try await withServer(source: source) { _, address throws in
      #expect(try ask(address.port, "GET /healthz").text == "ok\n")
      source.change { $0.isHealthy = false }
      let ill = try ask(address.port, "GET /healthz")
      #expect(ill.status == 503)
      #expect(ill.text == "cannot say: what gathers the figures does not answer\n")
    }
  }

  @Test func figuresAreJSON() async throws {
    try await withServer { _, address throws in
      let answer = try ask(address.port, "GET /figures.json?anything")
      #expect(answer.headers["content-type"] == "application/json")
      #expect(answer.text == "{\"time_ns\": 1}")
    }
  }

  @Test func thePageIsThere() async throws {
    try await withServer { _, address throws in
      let types = ["/": "text/html", "/page.css": "text/css", "/page.js": "text/javascript"]
      for (path, type) in types {
        let answer = try ask(address.port, "GET \(path)")
        #expect(answer.status == 200)
        #expect(answer.headers["content-type"] == "\(type); charset=utf-8")
        #expect(answer.headers["content-length"] == "\(answer.body.count)" && !answer.body.isEmpty)
      }
      #expect(try ask(address.port, "GET /").text.contains("page.js"))
    }
  }

  @Test func everyAnswerForbidsWhatABrowserNeedNotDo() async throws {
    try await withServer { _, address throws in
      for path in ["/", "/metrics", "/nothing"] {
        let headers = try ask(address.port, "GET \(path)").headers
        #expect(headers["content-security-policy"]?.hasPrefix("default-src 'none'; script-src 'self'; ") == true)
        #expect(headers["x-content-type-options"] == "nosniff")
        #expect(headers["referrer-policy"] == "no-referrer")
        #expect(headers["cross-origin-resource-policy"] == "same-origin")
        #expect(headers["cache-control"] == "no-store")
        #expect(headers["access-control-allow-origin"] == nil)
      }
    }
  }

  @Test func headHasTheHeadersOfGetAndNoBody() async throws {
    try await withServer { _, address throws in
      let client = try Client(address.port)
      for path in ["/", "/page.js", "/metrics", "/healthz", "/figures.json", "/nothing"] {
        var get = try client.ask("GET \(path)")
        var head = try client.ask("HEAD \(path)")
        get.headers["date"] = nil
        head.headers["date"] = nil
        #expect(head.status == get.status)
        #expect(head.headers == get.headers)
      }
      // A stream's connection ends with it.
      let live = try client.ask("HEAD /live")
      #expect(live.status == 200)
      #expect(live.headers["content-type"] == "text/event-stream")
      #expect(try client.receiveAll() == [])
    }
  }

  @Test func whatIsNotThereAndWhatMayNotBeDone() async throws {
    try await withServer { _, address throws in
      for path in ["/nothing", "/metrics/", "//", "/../page.css", "/%6detrics", "/index.html"] {
        let answer = try ask(address.port, "GET \(path)")
        #expect(answer.status == 404)
        #expect(answer.text == "nothing is here: try /, /metrics, /healthz, /figures.json, /live or /dump\n")
      }
      for (method, path) in [("POST", "/"), ("DELETE", "/metrics"), ("OPTIONS", "/live"), ("PUT", "/figures.json")] {
        let answer = try ask(address.port, "\(method) \(path)")
        #expect(answer.status == 405)
        #expect(answer.headers["allow"] == "GET, HEAD")
      }
      let answer = try ask(address.port, "GET /dump?pid=1")
      #expect(answer.status == 405)
      #expect(answer.headers["allow"] == "POST")
    }
  }

  @Test func dumpsAreOfTheProcessAskedFor() async throws {
    let source = FakeSource()
    try await withServer(source: source) { _, address throws in
      let answer = try ask(address.port, "POST /dump?pid=4711")
      #expect(answer.status == 200)
      #expect(answer.headers["content-type"] == "text/plain; charset=utf-8")
      #expect(answer.text == "a dump\n")
      for query in [
        "", "?", "?pid=", "?pid=0", "?pid=-1", "?pid=+1", "?pid=1x", "?pid=2147483648", "?PID=1", "?pid=1&pid=2",
      ] {
        #expect(try ask(address.port, "POST /dump\(query)").status == 400)
      }
      #expect(source.script.withLock { $0.dumped } == [4711])

      source.change { $0.dump = .failure(.unknownProcess("no process 4711\nis\u{1B} followed")) }
      let unknown = try ask(address.port, "POST /dump?pid=4711")
      #expect(unknown.status == 404)
      #expect(unknown.text == "no process 4711\u{FFFD}is\u{FFFD} followed\n")
      source.change { $0.dump = .failure(.failed("cannot dump")) }
      #expect(try ask(address.port, "POST /dump?pid=4711").status == 502)
    }
  }

  @Test func dumpsAreMadeOneAtATime() async throws {
    let source = FakeSource()
    source.change { $0.holdsDumps = true }
    try await withServer(source: source) { _, address throws in
      let first = try Client(address.port)
      first.send("POST /dump?pid=1 HTTP/1.1\r\nHost: localhost\r\n\r\n")
      wait { source.script.withLock { $0.heldDumps.count == 1 } }

      let second = try ask(address.port, "POST /dump?pid=2")
      #expect(second.status == 503)
      #expect(second.headers["retry-after"] == "1")
      #expect(second.text == "cannot dump process 2: another dump is being made\n")
      #expect(try ask(address.port, "GET /healthz").status == 200, "others are answered meanwhile")

      source.releaseDumps()
      #expect(try first.receiveAnswer()?.text == "a dump\n")
      #expect(try ask(address.port, "POST /dump?pid=3").status == 200)
      #expect(source.script.withLock { $0.dumped } == [1, 3])
    }
  }

  @Test func aConnectionTakesRequestsOneAfterTheOtherAndAhead() async throws {
    try await withServer { _, address throws in
      let client = try Client(address.port)
      let targets = (0..<1000).map { ["/healthz", "/figures.json", "/nothing", "/page.css"][$0 % 4] }
      let codes = (0..<1000).map { [200, 200, 404, 200][$0 % 4] }
      client.send(targets.map { "GET \($0) HTTP/1.1\r\nHost: localhost\r\n\r\n" }.joined())
      var received: [Int] = []
      for _ in targets { received.append(try client.receiveAnswer()?.status ?? 0) }
      #expect(received == codes)
    }
  }

  @Test func aBodyIsTakenAndIgnored() async throws {
    try await withServer { _, address throws in
      let client = try Client(address.port)
      #expect(try client.ask("POST /dump?pid=1", headers: "Content-Length: 5\r\n\r\nhello").status == 200)
      let chunked = "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n"
      #expect(try client.ask("GET /healthz", headers: chunked).status == 200)
      #expect(try client.ask("GET /healthz").status == 200)
    }
  }

  @Test func olderClientsAndThoseThatWantItAreClosed() async throws {
    try await withServer { _, address throws in
      for request in [
        "GET /healthz HTTP/1.0\r\n\r\n", "GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
        "GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n",
      ] {
        let client = try Client(address.port)
        client.send(request)
        let answer = try client.receiveAnswer()
        #expect(answer?.status == 200)
        #expect(answer?.headers["connection"] == "close")
        #expect(try client.receiveAll() == [])
      }
    }
  }

  @Test func aLargeAnswerArrivesWhole() async throws {
    let source = FakeSource()
    let dump = (0..<8_000_000).map { UInt8(truncatingIfNeeded: $0 / 3) }
    source.change { $0.dump = .success(dump) }
    try await withServer(source: source) { _, address throws in
      let answer = try ask(address.port, "POST /dump?pid=1")
      #expect(answer.body == dump)
    }
  }

  @Test func itListensOnIPv6() async throws {
    try await withServer(host: "0:0:0:0:0:0:0:1") { _, address throws in
      #expect(address.url == "http://[::1]:\(address.port)/")
      let client = try Client(address.port, isIPv6: true)
      #expect(try client.ask("GET /healthz", host: "[::1]:\(address.port)").status == 200)
    }
  }
}
