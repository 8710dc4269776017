internal import CFibril
internal import CFibrilContract
internal import Glibc

// Making a call, and what is left of a transfer of which a part is done.

extension SystemCall {
  /// The call that an entry holds.
  @inline(__always)
  init(of entry: EntryRef) {
    number = Number(rawValue: entry.pointee.call)
    arguments = entry.pointee.arguments
    cookie = entry.pointee.cookie
  }

  /// Makes the call on this thread. Returns -errno on failure.
  @inline(__always)
  func run() -> Int64 {
    let (a, b, c, d, e, f) = arguments
    return fibril_system_call(Int64(number.rawValue), a, b, c, d, e, f)
  }

  /// The call for the bytes after the first `done`: of those that begin with a descriptor, a buffer and
  /// its length, which are all that go on after a part.
  @inline(__always)
  func advanced(by done: Int64) -> SystemCall {
    guard done > 0 else { return self }
    var rest = self
    rest.arguments.1 &+= UInt64(done)
    rest.arguments.2 &-= UInt64(done)
    if number == .pread64 || number == .pwrite64 { rest.arguments.3 &+= UInt64(done) }
    return rest
  }

  /// The result of a call of which `done` bytes were transferred before its last part ended with
  /// `result`: what was transferred counts, and not why the rest was not.
  @inline(__always)
  static func total(_ done: Int64, _ result: Int64) -> Int64 { done > 0 ? done + max(result, 0) : result }
}
