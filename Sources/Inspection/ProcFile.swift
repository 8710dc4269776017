// Reading the small text files of /proc.
internal import Glibc

enum ProcFile {
  struct Failure: Error { var errno: Int32 }

  /// No file of /proc that is read here is larger: 65,530 mappings of 200 bytes are 13 MB.
  private static let maximumBytes = 64 << 20

  /// A whole file, up to a limit. Bytes that are no UTF-8 are replaced.
  static func read(_ path: String) -> Result<String, Failure> {
    let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard descriptor >= 0 else { return .failure(Failure(errno: errno)) }
    defer { close(descriptor) }
    var bytes: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 65536)
    while bytes.count < maximumBytes {
      let count = unsafe Glibc.read(descriptor, &buffer, buffer.count)
      if count < 0 {
        if errno == EINTR { continue }
        return .failure(Failure(errno: errno))
      }
      if count == 0 { break }
      bytes += buffer[..<count]
    }
    return .success(String(decoding: bytes, as: UTF8.self))
  }

  /// The names in a folder; none if it cannot be read.
  static func names(in path: String) -> [String] {
    guard let folder = unsafe opendir(path) else { return [] }
    defer { unsafe closedir(folder) }
    var names: [String] = []
    while let entry = unsafe readdir(folder) {
      names.append(unsafe withUnsafePointer(to: &entry.pointee.d_name.0) { unsafe String(cString: $0) })
    }
    return names
  }
}
