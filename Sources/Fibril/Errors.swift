internal import Glibc

/// Why the runtime could not do what it was asked: the action, and the error number of its cause.
public struct FibrilError: Error, Equatable, Sendable, CustomStringConvertible {
  /// What was attempted, on what.
  public var action: String
  /// The `errno` of the cause.
  public var code: Int32

  public init(action: String, code: Int32) {
    self.action = action
    self.code = code
  }

  public var description: String { "cannot \(action): \(systemMessage(code))" }

  /// The same, of a call in a vector.
  func after(_ count: Int) -> FibrilError {
    FibrilError(action: "\(action) (\(count) calls of the vector were submitted before)", code: code)
  }
}

/// A system call's failure, by its `errno`.
public struct SystemCallError: Error, Equatable, Sendable, CustomStringConvertible {
  public var call: SystemCall.Number
  /// The `errno`, positive.
  public var code: Int32

  /// As perror(3) says it, `read: Bad file descriptor`.
  public var description: String {
    let reason = code == EOPNOTSUPP && CallClass(call) == .refused ? "not for a task's thread" : systemMessage(code)
    return "\(call): \(reason)"
  }
}

private func systemMessage(_ code: Int32) -> String {
  unsafe withUnsafeTemporaryAllocation(of: CChar.self, capacity: 128) { text in
    guard unsafe strerror_r(code, text.baseAddress!, text.count) == 0 else { return "error \(code)" }
    return unsafe String(cString: text.baseAddress!)
  }
}
