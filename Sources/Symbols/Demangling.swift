// Names as a programmer wrote them: Swift and C++ names by the demanglers that are linked into every
// Swift program.
internal import Glibc

enum Demangling {
  /// mangled text, its length, a buffer or nil, its size or nil; returns a text to be freed, or nil.
  private typealias Short =
    @convention(c) (
      UnsafePointer<CChar>?, Int, UnsafeMutablePointer<CChar>?, UnsafeMutablePointer<Int>?
    ) -> UnsafeMutablePointer<CChar>?
  /// The same, with flags.
  private typealias Full =
    @convention(c) (
      UnsafePointer<CChar>?, Int, UnsafeMutablePointer<CChar>?, UnsafeMutablePointer<Int>?, UInt32
    ) -> UnsafeMutablePointer<CChar>?

  /// What backtraces use: module names, types and return values are left out. It knows C++ too.
  private static let short = unsafe function("_swift_backtrace_demangle", as: Short.self)
  private static let full = unsafe function("swift_demangle", as: Full.self)

  /// The short readable form; the name itself where it is not mangled.
  static func readable(_ name: String) -> String {
    guard isMangled(name) else { return name }
    let count = name.utf8.count
    // Safe: both functions read `count` bytes and return a new text or nothing.
    return unsafe text(short?(name, count, nil, nil) ?? full?(name, count, nil, nil, 0)) ?? name
  }

  /// With modules, types and return values, as far as the name has them.
  static func complete(_ name: String) -> String {
    guard isMangled(name) else { return name }
    let count = name.utf8.count
    // Safe: as above. Names of C++ have but one form.
    return unsafe text(full?(name, count, nil, nil, 0) ?? short?(name, count, nil, nil)) ?? name
  }

  private static func isMangled(_ name: String) -> Bool {
    (name.hasPrefix("$") || name.hasPrefix("_")) && name.utf8.count <= maximumBytes
  }

  /// Damaged files have longer names, which may take demanglers for ever.
  private static let maximumBytes = 16 << 10

  /// Takes the text over.
  private static func text(_ bytes: UnsafeMutablePointer<CChar>?) -> String? {
    guard let bytes = unsafe bytes else { return nil }
    defer { unsafe free(bytes) }
    return unsafe String(cString: bytes)
  }

  /// Safe for the two functions above, whose types are part of the runtime's ABI.
  private static func function<Function>(_ name: String, as type: Function.Type) -> Function? {
    guard let symbol = unsafe dlsym(nil, name) else { return nil }
    return unsafe unsafeBitCast(symbol, to: type)
  }
}
