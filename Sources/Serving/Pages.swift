// The files of the live page, which the build embeds.

/// One file.
struct Page: Sendable {
  var path: String
  var type: String
  private var text: StaticString

  static let all = embeddedPages.map { file in
    let name = "\(file.name)"
    return Page(path: name == "index.html" ? "/" : "/\(name)", type: type(of: name), text: file.text)
  }

  var bytes: [UInt8] {
    text.withUTF8Buffer { unsafe [UInt8]($0) }
  }

  private static func type(of name: String) -> String {
    if name.hasSuffix(".html") { return "text/html; charset=utf-8" }
    return name.hasSuffix(".css") ? "text/css; charset=utf-8" : "text/javascript; charset=utf-8"
  }
}
