// Why a process could not be attached to.
internal import Glibc

/// Why something could not be loaded or attached.
public struct BPFError: Error, Equatable, Sendable, CustomStringConvertible {
  /// Whether it lies with the process or with the machine.
  public enum Kind: Equatable, Sendable {
    /// This object, or this state of it, does not allow it.
    case failed
    /// The machine lacks what it takes: rights or kernel.
    case lacking
  }

  /// Whose fault it is.
  public var kind: Kind
  /// `attach to process 4711`.
  public var action: String
  /// Why that was not possible.
  public var cause: String
  /// What to do; nil if nothing is known.
  public var remedy: String?

  init(_ action: String, _ kind: Kind = .failed, cause: String, remedy: String? = nil) {
    self.kind = kind
    self.action = action
    self.cause = cause
    self.remedy = remedy
  }

  /// From an errno; what it means for rights and kernel is decided here alone.
  init(_ action: String, errno: Int32, detail: String? = nil) {
    let detail = detail.map { " (\($0))" } ?? ""
    let cause = unsafe String(cString: strerror(errno)) + detail
    switch errno {
    case EPERM, EACCES:
      self.init(action, .lacking, cause: unsafe String(cString: strerror(errno)), remedy: Self.rightsRemedy)
    case ENOSYS, EOPNOTSUPP, ENOTSUP:
      self.init(action, .lacking, cause: cause, remedy: "the kernel lacks BPF or uprobes; `fibril doctor` says more")
    default:
      self.init(action, cause: cause)
    }
  }

  /// There is no process of this id.
  public static func noSuchProcess(_ process: Int32) -> BPFError {
    BPFError(
      "attach to process \(process)", cause: "there is no such process",
      remedy: "`fibril list` shows those that can be traced")
  }

  static let rightsRemedy = "run as root, or grant CAP_BPF, CAP_PERFMON and CAP_SYS_PTRACE"

  /// Action, object, cause, and the remedy if there is one.
  public var description: String {
    "cannot \(action): \(cause)" + (remedy.map { "; \($0)" } ?? "")
  }
}
