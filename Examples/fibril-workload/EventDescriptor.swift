import Fibril
import Glibc

/// Something to read that is empty until it is raised: each fibril has its own, so that none reads
/// what was meant for another and every read blocks.
struct EventDescriptor: Sendable {
  private let descriptor: Int32

  /// Makes an eventfd, by a call of the running fibril.
  init() throws {
    if let descriptor = try? Asys.call(SystemCall(.eventfd2)) {
      self.descriptor = Int32(descriptor)
    } else {
      EventDescriptor.raiseLimit()
      descriptor = Int32(try Asys.call(SystemCall(.eventfd2)))
    }
  }

  /// As many open files as the process may have.
  private static func raiseLimit() {
    var limit = rlimit()
    guard unsafe getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return }
    limit.rlim_cur = limit.rlim_max
    unsafe setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
  }

  /// Blocks the fibril until the descriptor is raised.
  func read() {
    var count: UInt64 = 0
    _ = unsafe withUnsafeMutableBytes(of: &count) { unsafe try? Asys.call(.read(descriptor, into: $0)) }
  }

  func raise() {
    var one: UInt64 = 1
    _ = unsafe Glibc.write(descriptor, &one, 8)
  }

  func close() { _ = Glibc.close(descriptor) }
}
