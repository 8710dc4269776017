// Why a process's fibrils could not be read.
internal import Glibc

/// Why a process's fibrils could not be read. Every text says what to do.
public enum InspectionError: Error, Equatable, Sendable, CustomStringConvertible {
  case noSuchProcess(Int32)
  /// The kernel refuses to show the process's memory to this user.
  case noRights(Int32)
  /// It cannot be stopped, as a debugger has it already: this process.
  case hasDebugger(Int32, debugger: Int32)
  /// Stopping it failed with this errno.
  case cannotStop(Int32, errno: Int32)
  /// The process maps no module with a fibril table, or the table is still empty.
  case noTable(Int32)
  /// The table is there, but `detail` is not as its contract says.
  case damagedTable(Int32, detail: String)
  /// `read` of this file in /proc failed with this errno.
  case cannotRead(path: String, errno: Int32)

  /// Action, object, cause and remedy.
  public var description: String {
    switch self {
    case .noSuchProcess(let process):
      "cannot inspect process \(process): no such process; `fibril list` shows those that can be inspected"
    case .noRights(let process):
      """
      cannot inspect process \(process): not allowed to read its memory; run as its user (where \
      kernel.yama.ptrace_scope is 0), as root, or with CAP_SYS_PTRACE
      """
    case .hasDebugger(let process, let debugger):
      """
      cannot stop process \(process): process \(debugger) traces it already; end that debugger, or leave out --stop, \
      which works beside one
      """
    case .cannotStop(let process, let errno):
      """
      cannot stop process \(process): \(unsafe String(cString: strerror(errno))); leave out --stop to look at it while \
      it runs
      """
    case .noTable(let process):
      """
      cannot inspect process \(process): it links no fibril runtime, or none of its threads is a task yet; \
      `fibril list` shows those that can be inspected
      """
    case .damagedTable(let process, let detail):
      "cannot inspect process \(process): \(detail); its memory is damaged, or its runtime is newer than this tool"
    case .cannotRead(let path, let errno):
      "cannot read \(path): \(unsafe String(cString: strerror(errno)))"
    }
  }

  /// What a failed look at one of a process's files in /proc means.
  static func refused(_ process: Int32, path: String, errno: Int32) -> Self {
    switch errno {
    case ENOENT, ESRCH: .noSuchProcess(process)
    case EACCES, EPERM: .noRights(process)
    default: .cannotRead(path: path, errno: errno)
    }
  }
}
