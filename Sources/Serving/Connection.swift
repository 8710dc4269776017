// One connection: takes requests one after the other, and is answered for at most one at a time. Nothing is read while
// an answer is under way, so that what a client sends ahead waits in the kernel.

import NIOCore
import NIOHTTP1

final class Connection: ChannelInboundHandler {
  typealias InboundIn = HTTPServerRequestPart

  enum State {
    /// Waits for a request or the rest of one.
    case waiting
    case answering
    /// Sends events until it ends.
    case streaming
    /// The last answer is sent; what still comes is thrown away until the peer has closed.
    case lingering
    case closed
  }

  /// What came and has not been looked at: no more than the parts of one read.
  private enum Incoming {
    case part(HTTPServerRequestPart)
    case malformed(Refusal)
  }

  let core: ServerCore
  let channel: any Channel
  var state = State.waiting
  /// Since when it waits or lingers.
  private(set) var idleSince = NIODeadline.now()
  private(set) var wasAnswered = false
  private var incoming = CircularBuffer<Incoming>(initialCapacity: 4)
  /// The request under way, and how much of its body has come.
  private(set) var request: HTTPRequestHead?
  private var bodyBytes = 0
  private var deadline: Scheduled<Void>?
  /// Nothing comes after the answer under way.
  var isLast = false
  var output = Output()

  init(core: ServerCore, channel: any Channel) {
    self.core = core
    self.channel = channel
  }

  /// Whether it may be closed without cutting an answer.
  var isIdle: Bool {
    switch state {
    case .waiting, .lingering: true
    case .answering, .streaming, .closed: false
    }
  }

  /// Whether its reader is so slow that it may be closed for one that may be quicker.
  var isSlow: Bool { output.isSending && output.sendsSince + .milliseconds(core.options.slowAfter) <= .now() }

  private var isReading: Bool { state != .lingering && state != .closed }

  func channelActive(context: ChannelHandlerContext) {
    wait(atMost: core.options.requestDeadline)
    channel.read()
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    if isReading { incoming.append(.part(Self.unwrapInboundIn(data))) }
  }

  func channelReadComplete(context: ChannelHandlerContext) {
    advance()
  }

  /// The decoder found something wrong, and will not decode any more; or the connection is broken.
  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    guard let error = error as? HTTPParserError else { return close() }
    if isReading { incoming.append(.malformed(Self.refusal(of: error, core.options))) }
  }

  func close() {
    forget()
    channel.close(promise: nil)
  }

  /// It is closed: nothing is owed to it any more.
  func forget() {
    state = .closed
    deadline?.cancel()
    output.cancel()
    incoming.removeAll()
    core.remove(self)
  }

  /// The server ends: no more requests are taken.
  func wind() {
    isLast = true
    if isIdle { close() }
  }

  /// Looks at what came until there is something to answer, and asks for more if there is not.
  func advance() {
    while state == .waiting, let next = incoming.popFirst() {
      switch next {
      case .part(.head(let head)):
        request = head
        bodyBytes = 0
        let length = head.headers["content-length"].first.flatMap { Int($0) } ?? 0
        if length > core.options.bodyLimit { refuseBody() }
      case .part(.body(let bytes)):
        bodyBytes += bytes.readableBytes
        if bodyBytes > core.options.bodyLimit { refuseBody() }
      case .part(.end):
        guard let request else { continue }
        deadline?.cancel()
        begin(request)
      case .malformed(let refusal):
        isLast = true
        respond(refusal.answer)
      }
    }
    if state == .waiting || state == .lingering { channel.read() }
  }

  private func refuseBody() {
    isLast = true
    respond(
      Refusal(.payloadTooLarge, "cannot take the request: its body is longer than \(core.options.bodyLimit) bytes")
        .answer)
  }

  private func begin(_ request: HTTPRequestHead) {
    // After an upgrade the decoder takes nothing more.
    isLast =
      isLast || !request.isKeepAlive || request.version != .http1_1 || request.method == .CONNECT
      || request.headers.contains(name: "upgrade")
    do throws(Refusal) {
      reply(to: try core.gatekeeper.question(of: request))
    } catch {
      respond(error.answer)
    }
  }

  /// Sends an answer; what comes after it is decided when it is sent.
  func respond(_ wanted: Answer) {
    var answer = wanted
    if let body = answer.body, body.count > Output.sliceBytes, !core.makeRoom(for: body.count) {
      answer = busy("cannot answer now: too many readers have not taken their answers yet")
    }
    deadline?.cancel()
    core.counts.add(code: Int(answer.status.code))
    wasAnswered = true
    let isHead = request?.method == .HEAD
    let isStream = answer.body == nil && !isHead
    state = isStream ? .streaming : .answering
    isLast = isLast || answer.body == nil
    send(answer.encoded(withBody: !isHead, closing: isLast))
    if isStream { core.live.add(self) }
  }

  /// Everything is sent.
  func sent() {
    request = nil
    if isLast {
      state = .lingering
      incoming.removeAll()
      channel.close(mode: .output, promise: nil)
      wait(atMost: core.options.lingerDeadline)
    } else {
      state = .waiting
      wait(atMost: core.options.idleDeadline)
    }
    advance()
  }

  private func wait(atMost milliseconds: Int64) {
    idleSince = .now()
    deadline?.cancel()
    deadline = channel.eventLoop.assumeIsolated().scheduleTask(in: .milliseconds(milliseconds)) { [self] in close() }
  }

  private static func refusal(of error: HTTPParserError, _ options: ServerOptions) -> Refusal {
    switch error {
    case .headerOverflow:
      Refusal(
        .requestHeaderFieldsTooLarge,
        "cannot take the request: its target and headers are longer than \(options.headerLimit) bytes, or too many")
    case .invalidVersion:
      Refusal(.httpVersionNotSupported, "cannot take the request: it is not of HTTP/1.0 or HTTP/1.1")
    default:
      Refusal(.badRequest, "cannot take the request: it is not as HTTP/1.1 wants it")
    }
  }
}
