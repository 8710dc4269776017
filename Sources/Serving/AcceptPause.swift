// What a listener does when no connection can be accepted: it pauses.

import NIOCore

/// Without a free descriptor, asking again at once would take a whole core. NIO's own AcceptBackoffHandler holds back
/// reads, but the one under way stays registered after an error, and the loop is woken for it over and over.
final class AcceptPause: ChannelInboundHandler {
  typealias InboundIn = any Channel

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    let channel = context.channel
    try? channel.syncOptions?.setOption(.autoRead, value: false)
    channel.eventLoop.assumeIsolated().scheduleTask(in: .milliseconds(100)) {
      try? channel.syncOptions?.setOption(.autoRead, value: true)
    }
  }
}
