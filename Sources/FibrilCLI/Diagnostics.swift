// What every command says to the user: messages on standard error, and the exit status.
internal import ArgumentParser
internal import Dumping
internal import Glibc
internal import Texts

/// The exit statuses of contract D that the argument parser does not know by itself.
enum ExitStatus {
  /// The machine lacks what it takes: rights, or a kernel feature.
  static let machineLacks = ExitCode(77)
  static let interrupted = ExitCode(130)
}

enum Diagnostics {
  /// Prints one line to standard error. It may hold names of other processes: none of them reaches
  /// the terminal as more than a text.
  static func say(_ message: String) {
    var line = ByteText(own: "fibril: ")
    line.append(foreign: message)
    line.append("\n")
    // Nobody can be told if that fails.
    unsafe _ = write(STDERR_FILENO, line.bytes, line.bytes.count)
  }

  /// Prints an error and returns what to throw for it.
  static func failure(_ error: any Error, status: ExitCode = .failure) -> ExitCode {
    say("\(error)")
    return status
  }
}
