// What libbpf has to say, kept for the error message it explains.
internal import CLibbpf
internal import Glibc
internal import Synchronization

/// libbpf prints to standard error by default. Here its warnings are collected instead.
enum Messages {
  private static let lines = Mutex<[String]>([])
  private static let limit = 64

  /// Collects from now on; what was collected before is forgotten.
  static func collect() {
    lines.withLock { $0.removeAll() }
    unsafe _ = libbpf_set_print { level, format, arguments in
      guard level == LIBBPF_WARN, let format = unsafe format, let arguments = unsafe arguments else { return 0 }
      var text = [CChar](repeating: 0, count: 1024)
      // The format and its arguments are libbpf's own, and the text is cut at the buffer's end.
      unsafe _ = vsnprintf(&text, text.count, format, arguments)
      let line = String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
      Messages.add(line)
      return 0
    }
  }

  /// The last line, which names the cause most often.
  static var last: String? {
    lines.withLock { $0.last }.map { $0.split(separator: "\n").last.map(String.init) ?? $0 }
  }

  private static func add(_ line: String) {
    lines.withLock { lines in
      if lines.count == limit { lines.removeFirst() }
      lines.append(line)
    }
  }
}
