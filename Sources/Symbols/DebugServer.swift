// Debug information from debuginfod servers: only where DEBUGINFOD_URLS names some, with a word about
// each request, and never longer than a server makes progress.
internal import CLibdw
internal import Glibc
internal import Synchronization

/// The servers that the environment names.
@safe final class DebugServer {
  private let notice: (String) -> Void
  private let urls: String
  /// Seconds without progress after which a request is given up.
  private let patience: Double
  /// Nor does any request last longer than this.
  private static let maximumSeconds = 300.0
  private var started = 0.0
  private var lastProgress = 0.0
  private var received = 0
  /// Servers that hung once are not asked again, by whatever session.
  private static let hung = Mutex<Set<String>>([])
  private var isGivenUp: Bool

  private typealias Progress = @convention(c) (OpaquePointer?, Int, Int) -> Int32
  private typealias SetProgress = @convention(c) (OpaquePointer?, Progress?) -> Void
  private typealias SetUserData = @convention(c) (OpaquePointer?, UnsafeMutableRawPointer?) -> Void
  private typealias GetUserData = @convention(c) (OpaquePointer?) -> UnsafeMutableRawPointer?
  private typealias GetClient = @convention(c) (OpaquePointer?) -> OpaquePointer?

  /// nil where the environment names no server, or the library for them is not installed.
  init?(_ session: OpaquePointer, _ notice: @escaping (String) -> Void) {
    guard let urls = unsafe getenv("DEBUGINFOD_URLS"), unsafe urls.pointee != 0 else { return nil }
    let names = unsafe String(cString: urls)
    self.urls = names
    isGivenUp = Self.hung.withLock { $0.contains(names) }
    self.notice = notice
    let wanted = unsafe getenv("DEBUGINFOD_TIMEOUT").flatMap { unsafe Double(String(cString: $0)) }
    patience = wanted.map { $0 > 0 ? $0 : 10 } ?? 10
    // Looked up by name: they came with elfutils 0.188, and with a library that need not be there.
    guard let getClient = unsafe Self.function("dwfl_get_debuginfod_client", as: GetClient.self),
      let client = unsafe getClient(session), let library = unsafe dlopen("libdebuginfod.so.1", RTLD_LAZY),
      let setUserData = unsafe Self.function("debuginfod_set_user_data", library, as: SetUserData.self),
      let setProgress = unsafe Self.function("debuginfod_set_progressfn", library, as: SetProgress.self)
    else {
      notice("DEBUGINFOD_URLS is set, but libdebuginfod (package libdebuginfod1) is not there: no server is asked")
      return nil
    }
    // Safe: the symbolizer keeps this object for as long as the session lasts.
    unsafe setUserData(client, Unmanaged.passUnretained(self).toOpaque())
    unsafe setProgress(client) { client, done, _ in
      guard let library = unsafe dlopen("libdebuginfod.so.1", RTLD_LAZY),
        let userData = unsafe DebugServer.function("debuginfod_get_user_data", library, as: GetUserData.self),
        let own = unsafe userData(client)
      else { return 1 }
      return unsafe Unmanaged<DebugServer>.fromOpaque(own).takeUnretainedValue().isTooSlow(received: done) ? 1 : 0
    }
  }

  /// Runs a request for a module's debug information; returns an open file or -1.
  func asking(for name: String, _ request: () -> Int32) -> Int32 {
    guard !isGivenUp else { return -1 }
    notice("asking \(urls) for the debug information of \(lastPart(of: name))")
    started = Self.now()
    lastProgress = started
    received = 0
    let descriptor = request()
    if isGivenUp {
      notice("no answer from \(urls): given up, and not asked again")
      Self.hung.withLock { _ = $0.insert(urls) }
    }
    return descriptor
  }

  private func isTooSlow(received: Int) -> Bool {
    let now = Self.now()
    if received > self.received { (self.received, lastProgress) = (received, now) }
    isGivenUp = isGivenUp || now - lastProgress > patience || now - started > Self.maximumSeconds
    return isGivenUp
  }

  private static func now() -> Double {
    var time = timespec()
    unsafe clock_gettime(CLOCK_MONOTONIC, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
  }

  /// Safe for the functions above, whose types are part of the libraries' ABI.
  private static func function<Function>(
    _ name: String, _ library: UnsafeMutableRawPointer? = nil, as type: Function.Type
  ) -> Function? {
    guard let symbol = unsafe dlsym(library, name) else { return nil }
    return unsafe unsafeBitCast(symbol, to: type)
  }
}
