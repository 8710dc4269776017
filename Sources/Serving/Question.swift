// What a request asks for, once everything about it has been found in order.

import NIOHTTP1

enum Question: Equatable, Sendable {
  case page(Int)
  case metrics(openMetrics: Bool)
  case health
  case figures
  case live
  case dump(process: Int32)
}

/// Who may ask what.
struct Gatekeeper: Sendable {
  /// Nil: everybody may.
  var token: Token?
  /// The server is only reached from this machine, so it is only called by this machine's names.
  var loopbackOnly: Bool

  /// What is asked for.
  func question(of request: HTTPRequestHead) throws(Refusal) -> Question {
    guard request.version != .http1_0 || !request.headers.contains(name: "transfer-encoding") else {
      throw Refusal(.badRequest, "cannot take the request: HTTP/1.0 knows no Transfer-Encoding")
    }
    let host = try checkedHost(of: request)
    guard request.uri.hasPrefix("/") else {
      throw Refusal(.badRequest, "cannot tell what is asked for: the request's target is no path")
    }
    let parts = request.uri.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
    let (path, query) = (parts[0], parts.count > 1 ? parts[1] : "")

    if let page = Page.all.firstIndex(where: { $0.path == path }) {
      try allow(["GET", "HEAD"], request)
      return .page(page)
    }
    switch path {
    case "/healthz":
      try allow(["GET", "HEAD"], request)
      return .health
    case "/metrics":
      try allow(["GET", "HEAD"], request)
      try checkToken(of: request)
      return .metrics(openMetrics: Accept.wantsOpenMetrics(request.headers[canonicalForm: "accept"]))
    case "/figures.json":
      try allow(["GET", "HEAD"], request)
      try checkToken(of: request)
      return .figures
    case "/live":
      try allow(["GET", "HEAD"], request)
      try checkToken(of: request)
      return .live
    case "/dump":
      try allow(["POST"], request)
      try checkToken(of: request)
      try checkOrigin(of: request, host: host)
      return .dump(process: try process(in: query))
    default:
      throw Refusal(.notFound, "nothing is here: try /, /metrics, /healthz, /figures.json, /live or /dump")
    }
  }

  /// The Host header, nil in a request older than that.
  private func checkedHost(of request: HTTPRequestHead) throws(Refusal) -> String? {
    let hosts = request.headers["host"]
    guard hosts.count == 1 || hosts.isEmpty && request.version == .http1_0 else {
      throw Refusal(.badRequest, "cannot tell who is asked: a request has one Host header, this one \(hosts.count)")
    }
    guard let host = hosts.first else { return nil }
    guard !loopbackOnly || HostName.isLoopback(host) else {
      throw Refusal(
        .forbidden,
        "cannot answer to that name: this server is for its own machine, which calls it localhost, 127.0.0.1 or [::1]")
    }
    return host
  }

  private func allow(_ methods: [String], _ request: HTTPRequestHead) throws(Refusal) {
    guard !methods.contains(request.method.rawValue) else { return }
    let names = methods.joined(separator: ", ")
    throw Refusal(.methodNotAllowed, "cannot do that here: only \(names)", headers: [("Allow", names)])
  }

  private func checkToken(of request: HTTPRequestHead) throws(Refusal) {
    guard let token else { return }
    let scheme = "bearer "
    let given = request.headers["authorization"]
    guard given.count == 1, given[0].prefix(scheme.count).lowercased() == scheme,
      token.matches(Array(given[0].utf8.dropFirst(scheme.utf8.count)))
    else {
      throw Refusal(
        .unauthorized, "cannot tell that you may read this: send the token, as Authorization: Bearer TOKEN",
        headers: [("WWW-Authenticate", "Bearer")])
    }
  }

  /// What a foreign page sends through its reader's browser says so.
  private func checkOrigin(of request: HTTPRequestHead, host: String?) throws(Refusal) {
    let sites = request.headers["sec-fetch-site"]
    let origins = request.headers["origin"]
    let isOwn = origins.allSatisfy { $0 == "http://\(host ?? "")" || $0 == "https://\(host ?? "")" }
    guard sites.allSatisfy({ ["same-origin", "none"].contains($0) }), isOwn, origins.count < 2 else {
      throw Refusal(.forbidden, "cannot dump for another site's page: only for this server's own")
    }
  }

  private func process(in query: Substring) throws(Refusal) -> Int32 {
    let name = "pid="
    guard query.hasPrefix(name), query.utf8.dropFirst(name.utf8.count).allSatisfy({ (0x30...0x39).contains($0) }),
      let process = Int32(query.dropFirst(name.count)), process > 0
    else { throw Refusal(.badRequest, "cannot tell which process to dump: ask for /dump?pid=PID") }
    return process
  }
}
