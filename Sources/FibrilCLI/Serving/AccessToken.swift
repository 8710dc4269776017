// The secret that readers of figures have to show, as it lies in a file.
internal import Glibc

/// Why there is no token.
struct TokenError: Error, CustomStringConvertible {
  var path: String
  var cause: String
  var remedy: String

  var description: String { "cannot take the token from \(path): \(cause); \(remedy)" }
}

/// What follows `Authorization: Bearer`.
struct AccessToken {
  let bytes: [UInt8]

  /// In bytes. The longest is what the server takes.
  static let lengths = 16...256

  /// Reads a file that holds the token and nothing else but a line break. Throws `TokenError`.
  init(file path: String) throws(TokenError) {
    // A FIFO without a writer is not waited for.
    let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard descriptor >= 0 else { throw Self.failure(path, errno) }
    defer { close(descriptor) }
    var status = stat()
    guard unsafe fstat(descriptor, &status) == 0 else { throw Self.failure(path, errno) }
    guard status.st_mode & S_IFMT == S_IFREG else {
      throw TokenError(path: path, cause: "it is no file", remedy: "name another with --token-file")
    }
    guard status.st_mode & 0o007 == 0 else {
      throw TokenError(path: path, cause: "everybody may read or write it", remedy: "try `chmod o= \(path)`")
    }
    var bytes = [UInt8](repeating: 0, count: Self.lengths.upperBound + 3)
    let count = unsafe read(descriptor, &bytes, bytes.count)
    guard count >= 0 else { throw Self.failure(path, errno) }
    bytes.removeLast(bytes.count - count)
    if bytes.last == UInt8(ascii: "\n") { bytes.removeLast() }
    if bytes.last == UInt8(ascii: "\r") { bytes.removeLast() }
    guard Self.lengths.contains(bytes.count), bytes.allSatisfy({ (0x21...0x7e).contains($0) }) else {
      throw TokenError(
        path: path,
        cause:
          "a token has \(Self.lengths.lowerBound) to \(Self.lengths.upperBound) letters, digits or signs, no blanks",
        remedy: "make one with `head -c 32 /dev/urandom | base64`")
    }
    self.bytes = bytes
  }

  private static func failure(_ path: String, _ error: Int32) -> TokenError {
    TokenError(path: path, cause: unsafe String(cString: strerror(error)), remedy: "name another with --token-file")
  }
}
