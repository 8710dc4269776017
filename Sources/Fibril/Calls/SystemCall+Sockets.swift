// The calls for sockets, by the names of their manual pages.
// Pointers must stay valid until the call has completed.

extension SystemCall {
  /// `socket(2)`.
  public static func socket(domain: Int32, type: Int32, protocolNumber: Int32 = 0, cookie: UInt64 = 0) -> Self {
    Self(.socket, word(domain), word(type), word(protocolNumber), cookie: cookie)
  }

  /// `bind(2)`; `address` points to a `struct sockaddr` of `length` bytes.
  public static func bind(_ descriptor: Int32, to address: UnsafeRawPointer, length: UInt32, cookie: UInt64 = 0) -> Self
  {
    unsafe Self(.bind, word(descriptor), word(address), UInt64(length), cookie: cookie)
  }

  /// `listen(2)`.
  public static func listen(_ descriptor: Int32, backlog: Int32, cookie: UInt64 = 0) -> Self {
    Self(.listen, word(descriptor), word(backlog), cookie: cookie)
  }

  /// `accept4(2)`; waits for a connection. `length` points to the room at `address`.
  public static func accept4(
    _ descriptor: Int32, from address: UnsafeMutableRawPointer? = nil, length: UnsafeMutableRawPointer? = nil,
    flags: Int32 = 0, cookie: UInt64 = 0
  ) -> Self {
    unsafe Self(.accept4, word(descriptor), word(address), word(length), word(flags), cookie: cookie)
  }

  /// `connect(2)`; `address` points to a `struct sockaddr` of `length` bytes.
  public static func connect(_ descriptor: Int32, to address: UnsafeRawPointer, length: UInt32, cookie: UInt64 = 0)
    -> Self
  {
    unsafe Self(.connect, word(descriptor), word(address), UInt64(length), cookie: cookie)
  }

  /// `recv(2)` into `buffer`.
  public static func recv(
    _ descriptor: Int32, into buffer: UnsafeMutableRawBufferPointer, flags: Int32 = 0, cookie: UInt64 = 0
  ) -> Self {
    unsafe Self(
      .recvfrom, word(descriptor), word(buffer.baseAddress), UInt64(buffer.count), word(flags), 0, 0, cookie: cookie)
  }

  /// `send(2)` of `buffer`, all of it.
  public static func send(
    _ descriptor: Int32, from buffer: UnsafeRawBufferPointer, flags: Int32 = 0, cookie: UInt64 = 0
  ) -> Self {
    unsafe Self(
      .sendto, word(descriptor), word(buffer.baseAddress), UInt64(buffer.count), word(flags), 0, 0, cookie: cookie)
  }

  /// `recvmsg(2)` into a `struct msghdr`.
  public static func recvmsg(
    _ descriptor: Int32, into message: UnsafeMutableRawPointer, flags: Int32 = 0, cookie: UInt64 = 0
  ) -> Self {
    unsafe Self(.recvmsg, word(descriptor), word(message), word(flags), cookie: cookie)
  }

  /// `sendmsg(2)` of a `struct msghdr`.
  public static func sendmsg(_ descriptor: Int32, from message: UnsafeRawPointer, flags: Int32 = 0, cookie: UInt64 = 0)
    -> Self
  {
    unsafe Self(.sendmsg, word(descriptor), word(message), word(flags), cookie: cookie)
  }

  /// `shutdown(2)`.
  public static func shutdown(_ descriptor: Int32, how: Int32, cookie: UInt64 = 0) -> Self {
    Self(.shutdown, word(descriptor), word(how), cookie: cookie)
  }

  /// `getsockopt(2)`; `length` points to the room at `value`.
  public static func getsockopt(
    _ descriptor: Int32, level: Int32, option: Int32, into value: UnsafeMutableRawPointer,
    length: UnsafeMutableRawPointer, cookie: UInt64 = 0
  ) -> Self {
    unsafe Self(.getsockopt, word(descriptor), word(level), word(option), word(value), word(length), cookie: cookie)
  }

  /// `setsockopt(2)`.
  public static func setsockopt(
    _ descriptor: Int32, level: Int32, option: Int32, from value: UnsafeRawPointer, length: UInt32, cookie: UInt64 = 0
  ) -> Self {
    unsafe Self(.setsockopt, word(descriptor), word(level), word(option), word(value), UInt64(length), cookie: cookie)
  }
}
