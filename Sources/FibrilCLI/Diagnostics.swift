// What every command says to the user: messages on standard error, and the exit status.
internal import ArgumentParser
internal import Glibc

/// The exit statuses of contract D that the argument parser does not know by itself.
enum ExitStatus {
  /// The machine lacks what it takes: rights, or a kernel feature.
  static let machineLacks = ExitCode(77)
  static let interrupted = ExitCode(130)
}

enum Diagnostics {
  /// Prints one line to standard error.
  static func say(_ message: String) {
    let line = Array("fibril: \(message)\n".utf8)
    // Nobody can be told if that fails.
    unsafe _ = write(STDERR_FILENO, line, line.count)
  }

  /// Prints an error and returns what to throw for it.
  static func failure(_ error: any Error, status: ExitCode = .failure) -> ExitCode {
    say("\(error)")
    return status
  }
}
