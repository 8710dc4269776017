internal import Fibril
internal import FibrilC
internal import Glibc

// The functions of fibril.h about channels.

/// A pointer as it goes through a channel; what it points to is the program's affair.
private struct Element: Sendable {
  var bits: UInt
}

private typealias Channel = FibrilChannel<Element>

@c @implementation
public func fibril_channel_create(_ capacity: Int, _ out: UnsafeMutablePointer<OpaquePointer?>?) -> Int32 {
  guard (1...mostElements).contains(capacity) else { return -EINVAL }
  return unsafe create(out) { Channel(capacity: capacity) }
}

/// 256 MiB of them: what memory there is not for would end the process.
private let mostElements = 1 << 24

@c @implementation
public func fibril_channel_destroy(_ channel: OpaquePointer?) -> Int32 {
  unsafe destroy(channel) { (channel: Channel) in channel.hasWaiters }
}

@c @implementation
public func fibril_channel_send(
  _ channel: OpaquePointer?, _ element: UnsafeMutableRawPointer?, _ deadline: UInt64
) -> Int32 {
  unsafe with(channel) { (channel: Channel) in
    do throws(Channel.SendError) {
      try channel.send(Element(bits: UInt(bitPattern: element)), until: Deadline(nanoseconds: deadline))
      return 0
    } catch {
      return switch error {
      case .closed: -EPIPE
      case .wait(let error): error.code
      }
    }
  }
}

@c @implementation
public func fibril_channel_receive(
  _ channel: OpaquePointer?, _ element: UnsafeMutablePointer<UnsafeMutableRawPointer?>?, _ deadline: UInt64
) -> Int32 {
  guard let element = unsafe element else { return -EINVAL }
  return unsafe with(channel) { (channel: Channel) in
    do throws(WaitError) {
      guard let received = try channel.receive(until: Deadline(nanoseconds: deadline)) else { return -EPIPE }
      unsafe element.pointee = UnsafeMutableRawPointer(bitPattern: received.bits)
      return 0
    } catch {
      return error.code
    }
  }
}

@c @implementation
public func fibril_channel_close(_ channel: OpaquePointer?) -> Int32 {
  unsafe with(channel) { (channel: Channel) in
    channel.close()
    return 0
  }
}
