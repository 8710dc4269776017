import ArgumentParser
import Fibril
import Glibc

/// A server that sends back what it receives: one task, a fibril for each connection, written as one would
/// with blocking calls. It ends when its standard input does.
struct EchoServer: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "echo-server", abstract: "Serves echo on a port of 127.0.0.1, which it prints.")

  func run() throws {
    let listener = try listen()
    let task = try FibrilTask()
    try task.spawn(name: "listener") {
      while let connection = try? Asys.call(SystemCall(.accept, UInt64(listener))) {
        _ = try? Fibril.spawn(name: "connection") { serve(Int32(connection)) }
      }
    }
    try task.spawn(name: "end") {
      let byte = UnsafeMutableRawBufferPointer.allocate(byteCount: 1, alignment: 1)
      while let count = try? unsafe Asys.call(.read(STDIN_FILENO, into: byte)), count > 0 {}
      // The listener still waits, and so may connections: the process ends under them.
      Glibc.exit(0)
    }
    task.joinAll()
  }

  private func listen() throws -> Int32 {
    let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    guard listener >= 0 else { throw BenchmarkError(cannot: "make a socket") }
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = INADDR_LOOPBACK.bigEndian
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    let result = unsafe withUnsafeMutableBytes(of: &address) { bytes in
      let address = unsafe bytes.baseAddress!.assumingMemoryBound(to: sockaddr.self)
      guard unsafe bind(listener, address, length) == 0, Glibc.listen(listener, 128) == 0 else { return Int32(-1) }
      return unsafe getsockname(listener, address, &length)
    }
    guard result == 0 else { throw BenchmarkError(cannot: "listen on 127.0.0.1") }
    report(["port": Double(UInt16(bigEndian: address.sin_port))])
    fflush(nil)
    return listener
  }
}

private func serve(_ connection: Int32) {
  let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 4096, alignment: 16)
  defer {
    unsafe buffer.deallocate()
    _ = try? Asys.call(.close(connection))
  }
  while let count = try? unsafe Asys.call(.read(connection, into: buffer)), count > 0 {
    let received = unsafe UnsafeRawBufferPointer(rebasing: buffer[..<count])
    guard (try? unsafe Asys.call(.write(connection, from: received))) == count else { return }
  }
}
