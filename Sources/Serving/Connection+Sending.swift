// How a connection sends: a slice at a time, each of which its reader has to take within a deadline. A reader that is
// slow costs one answer or one event, never a queue of them.

import NIOCore

/// What a connection still has to send.
struct Output {
  static let sliceBytes = 64 << 10

  var bytes = ByteBuffer()
  /// An event to send after that. A newer one takes its place.
  var next: ByteBuffer?
  /// A slice is on its way, since then.
  var isSending = false
  var sendsSince = NIODeadline.now()
  var stall: Scheduled<Void>?

  func cancel() { stall?.cancel() }
}

extension Connection {
  /// Sends what nothing else is sent before.
  func send(_ bytes: ByteBuffer) {
    output.bytes = bytes
    sendSlice()
  }

  /// An event of the stream. A reader that is behind gets the newest when it has caught up.
  func offer(_ event: ByteBuffer) {
    if output.isSending { output.next = event } else { send(event) }
  }

  /// The last event of the stream.
  func finish(with event: ByteBuffer) {
    isLast = true
    state = .answering
    offer(event)
  }

  private func sendSlice() {
    guard let slice = output.bytes.readSlice(length: min(output.bytes.readableBytes, Output.sliceBytes)) else { return }
    output.isSending = true
    output.sendsSince = .now()
    let loop = channel.eventLoop.assumeIsolated()
    output.stall = loop.scheduleTask(in: .milliseconds(core.options.stallDeadline)) { [self] in close() }
    channel.writeAndFlush(slice).assumeIsolated().whenComplete { [self] result in
      output.cancel()
      // Not at once: other connections have their turn in between, and nothing recurs.
      if case .success = result { loop.execute { [self] in sliceSent() } } else { close() }
    }
  }

  private func sliceSent() {
    output.isSending = false
    guard state != .closed else { return }
    if output.bytes.readableBytes > 0 {
      sendSlice()
    } else if let event = output.next {
      output.next = nil
      send(event)
    } else {
      output.bytes = ByteBuffer()
      if state == .answering { sent() }
    }
  }
}
