// Streams of events: what is in them, how many there may be, and readers that do not read.

import Synchronization
import Testing

@testable import Serving

@Suite struct LiveStreamTests {
  private static let request = "GET /live HTTP/1.1\r\nHost: localhost\r\n\r\n"

  /// A stream whose head has been received; nil: it was refused.
  private static func open(_ address: ServerAddress, receiveBuffer: Int32? = nil) throws -> Client? {
    let client = try Client(address.port, receiveBuffer: receiveBuffer)
    client.send(request)
    return try client.receiveHead()?.status == 200 ? client : nil
  }

  @Test func figuresComeAsEventsUntilTheServerSaysWhyItEnds() async throws {
    let source = FakeSource()
    source.change { $0.figures = [UInt8]("{\"a\":\r\n1}\n".utf8) }
    try await withServer(source: source, { $0.liveInterval = 10 }) { server, address in
      let client = try Client(address.port)
      client.send(Self.request)
      let head = try client.receiveHead()
      #expect(head?.status == 200)
      #expect(head?.headers["content-type"] == "text/event-stream")
      #expect(head?.headers["connection"] == "close")
      for _ in 0..<3 {
        #expect(try client.receive(through: "\n\n") == "event: figures\ndata: {\"a\":\ndata: 1}\n\n")
      }
      // One that does not answer is no end: the stream goes on when it does.
      source.change { $0.figures = nil }
      source.change { $0.figures = [UInt8]("{}".utf8) }
      wait { (try? client.receive(through: "\n\n")) == "event: figures\ndata: {}\n\n" }

      let other = try #require(try Self.open(address))
      #expect(try other.receive(through: "\n\n") == "event: figures\ndata: {}\n\n")

      server.end(why: "the \"tracer\" was\ninterrupted \\")
      for reader in [client, other] {
        let rest = String(decoding: try reader.receiveAll(), as: UTF8.self)
        #expect(rest.hasSuffix("\n\n" + Self.ending) || rest == Self.ending)
      }
    }
  }
  private static let ending =
    "event: ending\ndata: {\"why\":\"the \\\"tracer\\\" was\u{FFFD}interrupted \\\\\"}\n\n"

  @Test func thereAreOnlySoManyAndOneThatClosesMakesRoom() async throws {
    try await withServer({ $0.mostLiveStreams = 2 }) { _, address throws in
      let first = try #require(try Self.open(address))
      let second = try #require(try Self.open(address))
      let refused = try ask(address.port, "GET /live")
      #expect(refused.status == 503)
      #expect(refused.headers["retry-after"] == "1")
      #expect(refused.text == "cannot open another live stream: 2 are open\n")
      first.close()
      wait { (try? Self.open(address)) != nil }
      #expect(try second.receive(through: "\n\n") != nil)
    }
  }

  @Test func aReaderThatIsBehindGetsTheNewestOnly() async throws {
    let source = NumberedSource()
    try await withServer(source: source, { $0.liveInterval = 1 }) { _, address throws in
      let behind = try #require(try Self.open(address, receiveBuffer: 4096))
      let quick = try #require(try Self.open(address))
      var seen = 0
      for _ in 0..<10 { seen = try Self.number(quick) }
      let first = try Self.number(behind)
      #expect(first < 5)
      #expect(try Self.number(behind) >= seen, "none of those between waited for it")
    }
  }

  @Test func aReaderThatDoesNotReadIsDropped() async throws {
    let source = NumberedSource()
    try await withServer(
      source: source,
      {
        $0.liveInterval = 1
        $0.stallDeadline = 200
        $0.mostLiveStreams = 2
      }
    ) { _, address throws in
      let stalled = try #require(try Self.open(address, receiveBuffer: 4096))
      let quick = try #require(try Self.open(address))
      var next: Client?
      while next == nil {
        _ = try quick.receive(through: "\n\n")
        next = try Self.open(address)
      }
      #expect(try stalled.receiveAll().count < NumberedSource.bytes, "it was cut within its first event")
      #expect(try Self.number(quick) > 0)
    }
  }

  /// The number of the next event.
  private static func number(_ client: Client) throws -> Int {
    let event = try #require(try client.receive(through: "\n\n"))
    return try #require(Int(event.split(separator: " ")[2]))
  }
}

/// Its figures are numbers, in events longer than what the kernel keeps for a reader.
private final class NumberedSource: FiguresSource {
  static let bytes = 1 << 20
  private static let padding = [UInt8](repeating: 0x20, count: bytes)
  private let number = Atomic(0)

  func figuresJSON() async -> [UInt8]? {
    [UInt8]("\(number.wrappingAdd(1, ordering: .relaxed).newValue)".utf8) + Self.padding
  }
  func openMetrics(requests: HTTPCounts) async -> [UInt8]? { nil }
  func isHealthy() async -> Bool { true }
  func dump(process: Int32) async throws(DumpFailure) -> [UInt8] { [] }
}
