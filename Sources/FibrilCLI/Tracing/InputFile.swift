// A file that a command reads from its beginning to its end, or standard input.
internal import Glibc
internal import TraceEvents

/// An open file for reading. `-` is standard input.
final class InputFile {
  /// For messages.
  let name: String
  private let descriptor: Int32

  /// Throws `FBTError` if it cannot be opened.
  init(path: String) throws(FBTError) {
    if path == "-" {
      name = "standard input"
      descriptor = STDIN_FILENO
      return
    }
    name = path
    descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { throw .cannotRead(errno: errno) }
  }

  deinit {
    if descriptor > STDIN_FILENO { close(descriptor) }
  }

  /// The next `count` bytes; fewer where the file ends. Throws `FBTError`.
  func read(_ count: Int) throws(FBTError) -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: count)
    var done = 0
    while done < count {
      // At most the bytes behind `done` are written, for which there is room.
      let got = unsafe bytes.withUnsafeMutableBytes {
        unsafe Glibc.read(descriptor, $0.baseAddress! + done, count - done)
      }
      if got < 0 && errno == EINTR { continue }
      guard got >= 0 else { throw .cannotRead(errno: errno) }
      if got == 0 { break }
      done += got
    }
    bytes.removeLast(count - done)
    return bytes
  }

  /// What there is at the moment, at most `count` bytes; waits for the first one. Empty at the end. Throws
  /// `FBTError`.
  func readSome(_ count: Int) throws(FBTError) -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: count)
    while true {
      // At most `count` bytes are written, for which there is room.
      let got = unsafe bytes.withUnsafeMutableBytes { unsafe Glibc.read(descriptor, $0.baseAddress!, count) }
      if got < 0 && errno == EINTR { continue }
      guard got >= 0 else { throw .cannotRead(errno: errno) }
      bytes.removeLast(count - got)
      return bytes
    }
  }

  /// Whether `path` is this very file.
  func isSame(as path: String) -> Bool {
    var own = stat()
    var other = stat()
    guard unsafe fstat(descriptor, &own) == 0, unsafe stat(path, &other) == 0 else { return false }
    return own.st_mode & S_IFMT == S_IFREG && own.st_dev == other.st_dev && own.st_ino == other.st_ino
  }
}
