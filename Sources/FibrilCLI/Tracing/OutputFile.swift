// A file that a command writes its results to, or standard output.
internal import Glibc

/// Why a result could not be written.
struct OutputError: Error, CustomStringConvertible {
  var path: String
  var errno: Int32
  /// The option that names the file; nil if there is none.
  var option: String?

  var description: String {
    let cause = unsafe String(cString: strerror(errno))
    let remedy =
      switch errno {
      case EPIPE: "; whoever read it has gone"
      case ENOSPC, EDQUOT: "; free some space, or " + (option.map { "choose another place with \($0)" } ?? redirection)
      default: "; " + (option.map { "choose another file with \($0)" } ?? redirection)
      }
    return "cannot write \(path): \(cause)\(remedy)"
  }

  private var redirection: String { "redirect it to another place" }
}

/// An open file for writing. `-` is standard output.
final class OutputFile {
  let path: String
  let isStandardOutput: Bool
  private let option: String?
  private let descriptor: Int32
  /// It was not there before, and nothing has been written to it.
  private var isNew = false

  /// Opens or creates the file that `option` names, and leaves what it holds until `begin`. Throws
  /// `OutputError`.
  init(path: String, option: String) throws(OutputError) {
    self.option = option
    isStandardOutput = path == "-"
    self.path = isStandardOutput ? "standard output" : path
    if isStandardOutput {
      descriptor = STDOUT_FILENO
      return
    }
    let created = unsafe open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o666)
    isNew = created >= 0
    descriptor = isNew ? created : unsafe open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0o666)
    guard descriptor >= 0 else { throw OutputError(path: path, errno: errno, option: option) }
  }

  private init() {
    path = "standard output"
    isStandardOutput = true
    option = nil
    descriptor = STDOUT_FILENO
  }

  /// Where a command writes that has no option for it.
  static var standard: OutputFile { OutputFile() }

  deinit {
    guard !isStandardOutput else { return }
    // Whatever went wrong before the first byte leaves no empty file behind.
    if isNew { unsafe _ = unlink(path) }
    Glibc.close(descriptor)
  }

  /// Throws away what a regular file held before.
  func begin() throws(OutputError) {
    var status = stat()
    guard !isStandardOutput, unsafe fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else { return }
    guard ftruncate(descriptor, 0) == 0 else { throw OutputError(path: path, errno: errno, option: option) }
  }

  /// Writes all of `bytes`. Throws `OutputError`.
  func write(_ bytes: [UInt8]) throws(OutputError) {
    var done = 0
    while done < bytes.count {
      let count = unsafe bytes.withUnsafeBytes {
        unsafe Glibc.write(descriptor, $0.baseAddress! + done, $0.count - done)
      }
      if count < 0 && errno == EINTR { continue }
      guard count > 0 else { throw OutputError(path: path, errno: count < 0 ? errno : EIO, option: option) }
      done += count
      isNew = false
    }
  }
}
