// A plain file that is read by `pread`, never by mapping: one that shrinks meanwhile would raise SIGBUS.
internal import Glibc

/// An open file, closed when nobody needs it any more.
final class OpenFile: Sendable {
  let descriptor: Int32
  let bytes: UInt64

  /// nil unless it is a plain file that can be read.
  init?(_ path: String) {
    // O_NONBLOCK: opening a FIFO must not wait for its writer.
    descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    var status = stat()
    let isOpen = unsafe descriptor >= 0 && fstat(descriptor, &status) == 0
    bytes = isOpen ? UInt64(max(0, status.st_size)) : 0
    if !isOpen || status.st_mode & S_IFMT != S_IFREG { return nil }
  }

  deinit { if descriptor >= 0 { close(descriptor) } }

  /// Reads where there is room for `count` bytes; returns how many there were.
  func read(_ count: Int, from place: UInt64, to buffer: inout [UInt8], at offset: Int) -> Int {
    precondition(offset >= 0 && offset + count <= buffer.count)
    var done = 0
    while done < count, let place = off_t(exactly: place + UInt64(done)) {
      // Safe: the room was checked.
      let got = unsafe buffer.withUnsafeMutableBytes {
        unsafe pread(descriptor, $0.baseAddress! + offset + done, count - done, place)
      }
      if got < 0, errno == EINTR { continue }
      if got <= 0 { break }
      done += got
    }
    return done
  }
}
