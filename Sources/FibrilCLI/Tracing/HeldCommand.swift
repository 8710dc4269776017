// A command that is started, but not executed before its probes are attached.
internal import CSystemCalls
internal import Glibc

/// Why a command could not be started.
struct CommandError: Error, CustomStringConvertible {
  var command: String
  var cause: String

  init(_ command: String, cause: String) {
    self.command = command
    self.cause = cause
  }

  init(_ command: String, errno: Int32) {
    self.init(command, cause: unsafe String(cString: strerror(errno)))
  }

  var description: String { "cannot run \(command): \(cause)" }
}

/// A child process that waits to become a command. If it is never released it ends by itself.
final class HeldCommand {
  let processID: Int32
  let path: String
  private var isReleased = false
  private let gate: Int32
  private let report: Int32

  /// Where a command lies, by the rules of the shell. Throws `CommandError`.
  static func resolve(_ command: String) throws(CommandError) -> String {
    if command.contains("/") {
      guard unsafe access(command, X_OK) == 0 else { throw CommandError(command, errno: errno) }
      return command
    }
    let path = unsafe getenv("PATH").map { unsafe String(cString: $0) } ?? "/usr/bin:/bin"
    for folder in path.split(separator: ":", omittingEmptySubsequences: false) {
      let candidate = "\(folder.isEmpty ? "." : folder)/\(command)"
      var status = stat()
      if unsafe stat(candidate, &status) == 0, status.st_mode & S_IFMT == S_IFREG,
        unsafe access(candidate, X_OK) == 0
      {
        return candidate
      }
    }
    throw CommandError(command, cause: "no such command in PATH")
  }

  /// Starts the process that will execute `path`, with this process's environment, standard files,
  /// and the signal mask given. Throws `CommandError`.
  init(path: String, arguments: [String], mask: sigset_t) throws(CommandError) {
    guard let gates = Self.pipe(), let reports = Self.pipe() else { throw CommandError(path, errno: errno) }
    var mask = mask
    // Freed in this process below; the child's copies end with its execve.
    var copies = unsafe arguments.map { unsafe strdup($0) }
    unsafe copies.append(nil)
    let process = unsafe fibril_start_held(
      path, copies, environ, [gates.reading, gates.writing], reports.writing, &mask)
    unsafe copies.forEach { unsafe free($0) }
    close(gates.reading)
    close(reports.writing)
    gate = gates.writing
    report = reports.reading
    processID = process
    self.path = path
    guard process > 0 else { throw CommandError(path, errno: -process) }
  }

  deinit {
    close(gate)
    close(report)
    // A process that waits at the gate ends with it; a command may go on.
    if !isReleased { waitpid(processID, nil, 0) }
  }

  /// Lets it execute the command. Throws `CommandError` if it could not.
  func release() throws(CommandError) {
    isReleased = true
    var byte: UInt8 = 1
    guard unsafe write(gate, &byte, 1) == 1 else { throw CommandError(path, errno: errno) }
    // The other end closes by itself when the command is executed.
    var cause: Int32 = 0
    let size = MemoryLayout<Int32>.size
    var count = 0
    repeat { count = unsafe read(report, &cause, size) } while count < 0 && errno == EINTR
    guard count == size else { return }
    // The file itself was there when its probes were looked for.
    if cause == ENOENT { throw CommandError(path, cause: "the interpreter or loader that it names does not exist") }
    throw CommandError(path, errno: cause)
  }

  /// How the command ended if that is worth telling: not well, and long enough ago to be known.
  func failure() -> String? {
    var status: Int32 = 0
    guard unsafe waitpid(processID, &status, WNOHANG) == processID else { return nil }
    let signal = status & 0x7f
    if signal != 0 { return "\(path) was ended by signal \(signal)" }
    let code = status >> 8 & 0xff
    return code == 0 ? nil : "\(path) exited with status \(code)"
  }

  private static func pipe() -> (reading: Int32, writing: Int32)? {
    var ends: [Int32] = [0, 0]
    guard unsafe Glibc.pipe(&ends) == 0 else { return nil }
    for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
    return (ends[0], ends[1])
  }
}
