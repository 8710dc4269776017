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
    guard name.hasPrefix("$") || name.hasPrefix("_") else { return name }
    // Safe: both functions read `count` bytes and return a new text or nothing.
    let count = name.utf8.count
    let text =
      if let short = unsafe short { unsafe short(name, count, nil, nil) } else {
        unsafe full?(name, count, nil, nil, 0) ?? nil
      }
    guard let text = unsafe text else { return name }
    defer { unsafe free(text) }
    return unsafe String(cString: text)
  }

  /// Safe for the two functions above, whose types are part of the runtime's ABI.
  private static func function<Function>(_ name: String, as type: Function.Type) -> Function? {
    guard let symbol = unsafe dlsym(nil, name) else { return nil }
    return unsafe unsafeBitCast(symbol, to: type)
  }
}
