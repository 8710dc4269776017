internal import CFibril

/// A system call as it is submitted: any number, up to six arguments, and a cookie that comes back
/// with its return code.
///
/// What an argument points to must stay where it is until the completion has been collected, as the
/// kernel may use it until then.
public struct SystemCall: Sendable {
  /// A system call's number on this architecture, as in <asm/unistd.h>.
  public struct Number: RawRepresentable, Hashable, Sendable {
    public var rawValue: Int32
    public init(rawValue: Int32) { self.rawValue = rawValue }

    /// Its name on this architecture; nil: it has none, or is newer than this library.
    public var name: String? { unsafe fibril_call_name(rawValue).map { unsafe String(cString: $0) } }
  }

  public var number: Number
  public var arguments: (UInt64, UInt64, UInt64, UInt64, UInt64, UInt64)
  /// The submitter's own, handed back in the completion.
  public var cookie: UInt64

  public init(
    _ number: Number, _ a: UInt64 = 0, _ b: UInt64 = 0, _ c: UInt64 = 0, _ d: UInt64 = 0, _ e: UInt64 = 0,
    _ f: UInt64 = 0, cookie: UInt64 = 0
  ) {
    self.number = number
    arguments = (a, b, c, d, e, f)
    self.cookie = cookie
  }
}

extension SystemCall.Number: CustomStringConvertible {
  public var description: String { name ?? "system call \(rawValue)" }
}

/// A finished call: its cookie and its return code, -errno on failure.
public struct Completion: Equatable, Sendable {
  public var cookie: UInt64
  public var result: Int64

  public init(cookie: UInt64, result: Int64) {
    self.cookie = cookie
    self.result = result
  }
}
