// Why an ELF file could not be read.
internal import Glibc

/// Why an ELF file could not be read. Every case names the file.
public enum ELFError: Error, Equatable, Sendable, CustomStringConvertible {
  /// `open` or `fstat` failed with this errno.
  case cannotOpen(path: String, errno: Int32)
  /// A regular file, but not a 64-bit little-endian ELF file.
  case notELF(path: String)
  /// It begins as an ELF file, but `detail` is not as the format wants it.
  case damaged(path: String, detail: String)
  /// Every note of the probe `name` names a place that is no code of the file, or a semaphore that is no variable of it.
  case unsoundProbe(path: String, name: String)

  /// Action, object, cause, and a remedy where there is one.
  public var description: String {
    switch self {
    case .cannotOpen(let path, let errno):
      "cannot open \(path): \(unsafe String(cString: strerror(errno)))"
    case .notELF(let path):
      "cannot read \(path): not a 64-bit little-endian ELF file; name an executable or a shared library"
    case .damaged(let path, let detail):
      "cannot read \(path): \(detail); the file is damaged or not complete"
    case .unsoundProbe(let path, let name):
      """
      cannot use the probe \(name) of \(path): its note names no code of the file, or no variable as its semaphore; \
      rebuild it with the probe sites of the Fibril library or of fibril_probes.h
      """
    }
  }
}
