// Clients that are too many, too slow, or do not read; a process without descriptors. The server goes on, stays small,
// and leaves nothing behind.

import Glibc
import Synchronization
import Testing

@testable import Serving

@Suite struct OverloadTests {
  @Test func twoHundredThatDribbleAreClosedAndOthersAreAnsweredMeanwhile() async throws {
    try await withServer({ $0.requestDeadline = 5_000 }) { _, address throws in
      var dribbling = try (0..<200).map { _ in try Client(address.port) }
      for client in dribbling { client.send("GET /healthz HTTP/1.1\r\nX: ") }
      while !dribbling.isEmpty {
        #expect(try ask(address.port, "GET /healthz").status == 200)
        dribbling.removeAll { !$0.send("x") }
      }
    }
  }

  @Test func whoSendsNoRequestOrOnlyAPartOfOneIsClosed() async throws {
    try await withServer({ $0.requestDeadline = 50 }) { _, address throws in
      for part in [
        "", "G", "GET /healthz HTTP/1.1\r\nHost: localhost\r\n",
        "GET /healthz HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\nhell",
      ] {
        let client = try Client(address.port)
        client.send(part)
        #expect(try client.receiveAll() == [])
      }
    }
    try await withServer({ $0.idleDeadline = 50 }) { _, address throws in
      let client = try Client(address.port)
      #expect(try client.ask("GET /healthz").status == 200)
      #expect(try client.receiveAll() == [])
    }
  }

  @Test func anAnswerMayTakeLongerThanARequest() async throws {
    let source = FakeSource()
    source.change { $0.holdsDumps = true }
    try await withServer(source: source, { $0.requestDeadline = 2_000 }) { _, address throws in
      let dump = try Client(address.port)
      dump.send("POST /dump?pid=1 HTTP/1.1\r\nHost: localhost\r\n\r\n")
      wait { source.script.withLock { $0.heldDumps.count == 1 } }
      // It begins later, so the first one's time is over too when its own is.
      let silent = try Client(address.port)
      #expect(try silent.receiveAll() == [])
      source.releaseDumps()
      #expect(try dump.receiveAnswer()?.text == "a dump\n")
    }
  }

  @Test func aThousandConnectionsAtOnceLeaveRoomForTheNewest() async throws {
    allowManyDescriptors()
    let source = FakeSource()
    try await withServer(source: source) { _, address throws in
      let clients = try (0..<1000).map { _ in try Client(address.port) }
      #expect(try clients[999].ask("GET /metrics").status == 200)
      #expect(source.script.withLock { $0.counts.refusedConnections } == 1000 - 128)
      #expect(try clients.prefix(1000 - 128).allSatisfy { try $0.receiveAll() == [] })
      for client in clients.suffix(128) { #expect(try client.ask("GET /healthz").status == 200) }
    }
  }

  @Test func answersUnderWayAreNotCutForNewConnections() async throws {
    let source = FakeSource()
    try await withServer(
      source: source,
      {
        $0.mostConnections = 3
        $0.mostLiveStreams = 2
      }
    ) { _, address throws in
      var streams: [Client] = []
      for _ in 0..<2 {
        streams.append(try Client(address.port))
        streams.last!.send("GET /live HTTP/1.1\r\nHost: localhost\r\n\r\n")
        #expect(try streams.last!.receiveHead()?.status == 200)
      }
      source.change { $0.holdsDumps = true }
      let dump = try Client(address.port)
      dump.send("POST /dump?pid=1 HTTP/1.1\r\nHost: localhost\r\n\r\n")
      wait { source.script.withLock { $0.heldDumps.count == 1 } }

      #expect(try Client(address.port).receiveAll() == [], "there is no room")
      source.releaseDumps()
      #expect(try dump.receiveAnswer()?.text == "a dump\n")
      #expect(try ask(address.port, "GET /metrics").status == 200, "the idle one gave way")
      #expect(source.script.withLock { $0.counts.refusedConnections } == 1)
      for stream in streams { #expect(try stream.receive(through: "\n\n") != nil) }
    }
  }

  @Test func aReaderThatDoesNotTakeItsAnswerIsDropped() async throws {
    let source = FakeSource()
    source.change { $0.dump = .success([UInt8](repeating: 0x20, count: 4 << 20)) }
    try await withServer(
      source: source,
      {
        $0.mostConnections = 1
        $0.stallDeadline = 200
      }
    ) { _, address throws in
      let stalled = try Client(address.port, receiveBuffer: 4096)
      stalled.send("POST /dump?pid=1 HTTP/1.1\r\nHost: localhost\r\n\r\n")
      #expect(try stalled.receiveHead()?.status == 200)
      // Its place is free once it has been dropped.
      wait { (try? ask(address.port, "GET /healthz"))?.status == 200 }
      #expect(try stalled.receiveAll().count < 4 << 20)
    }
  }

  @Test func whoAsksAndDoesNotReadKeepsNobodyOut() async throws {
    let source = FakeSource()
    source.change { $0.figures = [UInt8](repeating: 0x20, count: 4 << 20) }
    try await withServer(source: source, { $0.mostConnections = 2 }) { _, address throws in
      let stalled = try (0..<2).map { _ in try Client(address.port, receiveBuffer: 4096) }
      for client in stalled {
        client.send("GET /figures.json HTTP/1.1\r\nHost: localhost\r\n\r\n")
        #expect(try client.receiveHead()?.status == 200)
      }
      wait { (try? ask(address.port, "GET /healthz"))?.status == 200 }
    }
  }

  @Test(arguments: [50, 120_000]) func answersThatAreNotTakenAreFew(slowAfter: Int64) async throws {
    let source = FakeSource()
    source.change { $0.figures = [UInt8](repeating: 0x20, count: 4 << 20) }
    try await withServer(
      source: source,
      {
        $0.mostHeldBytes = 6 << 20
        $0.slowAfter = slowAfter
      }
    ) { _, address throws in
      let stalled = try Client(address.port, receiveBuffer: 4096)
      stalled.send("GET /figures.json HTTP/1.1\r\nHost: localhost\r\n\r\n")
      #expect(try stalled.receiveHead()?.status == 200)
      if slowAfter > 50 {
        #expect(try ask(address.port, "GET /figures.json").status == 503)
        #expect(try ask(address.port, "GET /healthz").status == 200)
        stalled.close()
      }
      wait { (try? ask(address.port, "GET /figures.json"))?.status == 200 }
    }
  }

  @Test func endingIsNotHeldUpByWhoDoesNotReadOrAnswer() async throws {
    let source = FakeSource()
    source.change {
      $0.figures = [UInt8](repeating: 0x20, count: 4 << 20)
      $0.holdsDumps = true
    }
    try await withServer(source: source) { server, address in
      let stalled = try Client(address.port, receiveBuffer: 4096)
      stalled.send("GET /live HTTP/1.1\r\nHost: localhost\r\n\r\n")
      #expect(try stalled.receiveHead()?.status == 200)
      let waiting = try Client(address.port)
      waiting.send("POST /dump?pid=1 HTTP/1.1\r\nHost: localhost\r\n\r\n")
      wait { source.script.withLock { $0.heldDumps.count == 1 } }
      let idle = try Client(address.port)
      server.end(why: "over")
      #expect(try waiting.receiveAll() == [])
      #expect(try idle.receiveAll() == [])
      // An answer that comes after all that has nowhere to go.
      source.releaseDumps()
    }
  }
}
