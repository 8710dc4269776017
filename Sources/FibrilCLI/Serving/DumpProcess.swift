// A dump made by a process of its own: neither what it costs nor what a hostile process makes of it is the exporter's.
internal import CSystemCalls
internal import Glibc
internal import Serving
internal import Synchronization

/// Runs `fibril dump`.
enum DumpProcess {
  private static let mostBytes = 8 << 20
  private static let mostErrorBytes = 4096
  /// In seconds.
  private static let longest = 20
  /// Where more live, equal stacks are merged.
  private static let mostSingle: UInt64 = 1000

  private enum State { case idle, dumps(pid_t), over }
  private static let state = Mutex(State.idle)

  /// Ends the dump that is being made, which would go on by itself. There are no others afterwards.
  static func end() {
    state.withLock { state in
      if case .dumps(let process) = state { kill(process, SIGKILL) }
      state = .over
    }
  }

  private static func start(_ arguments: [String]) -> Child? {
    state.withLock { state in
      if case .over = state {
        errno = ECANCELED
        return nil
      }
      let child = Child(arguments)
      if let child { state = .dumps(child.process) }
      return child
    }
  }

  /// Its id is about to be anybody's.
  fileprivate static func forget() {
    state.withLock { if case .dumps = $0 { $0 = .idle } }
  }

  static func dump(_ process: Int32, fibrils: UInt64) -> Result<[UInt8], DumpFailure> {
    let form = fibrils > mostSingle ? ["--compact"] : []
    guard let child = start(["fibril", "dump", "-p", "\(process)"] + form) else {
      return .failure(.failed("cannot start a process that dumps: \(unsafe String(cString: strerror(errno)))"))
    }
    let (output, errors, ending) = child.gather(mostBytes, mostErrorBytes, seconds: longest)
    var text = output
    switch ending {
    case .exited(0): break
    case .exited:
      let line = String(decoding: errors.prefix { $0 != UInt8(ascii: "\n") }, as: UTF8.self)
      return .failure(.failed(line.hasPrefix("fibril: ") ? String(line.dropFirst(8)) : "the dump has failed"))
    case .late where output.isEmpty:
      return .failure(.failed("there was no dump within \(longest) seconds; try `fibril dump -p \(process)`"))
    case .late: text += Array("\n(cut short after \(longest) seconds: try `fibril dump -p \(process)`)\n".utf8)
    case .long: text += Array("\n(cut short at \(mostBytes >> 20) MiB: try `fibril dump -p \(process)`)\n".utf8)
    }
    return .success(text)
  }

  enum Ending { case exited(Int32), late, long }
}

/// This program, run once more.
private struct Child {
  let process: pid_t
  /// Of its output and its errors.
  private var ends: [Int32] = [-1, -1]

  /// Nil, with errno set, if it cannot be started.
  init?(_ arguments: [String]) {
    var copies = unsafe arguments.map { unsafe strdup($0) }
    unsafe copies.append(nil)
    process = unsafe fibril_start_again(&copies, environ, &ends)
    unsafe copies.forEach { unsafe free($0) }
    if process < 0 {
      errno = -process
      return nil
    }
  }

  /// Reads until it ends, is late or says too much: then it is killed.
  func gather(_ mostBytes: Int, _ mostErrorBytes: Int, seconds: Int) -> ([UInt8], [UInt8], DumpProcess.Ending) {
    let deadline = ContinuousClock.now + .seconds(seconds)
    var texts: [[UInt8]] = [[], []]
    var open = ends.map { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) }
    var cut: DumpProcess.Ending?
    var buffer = [UInt8](repeating: 0, count: 1 << 16)
    while cut == nil, open.contains(where: { $0.fd >= 0 }) {
      let left = (deadline - .now).components.seconds
      if left < 0 { cut = .late }
      unsafe _ = poll(&open, 2, Int32(clamping: left * 1000 + 1000))
      for index in open.indices where open[index].revents != 0 {
        let count = unsafe read(open[index].fd, &buffer, buffer.count)
        if count <= 0 { open[index].fd = -1 } else { texts[index] += buffer[..<count] }
      }
      if texts[1].count > mostErrorBytes { texts[1].removeLast(texts[1].count - mostErrorBytes) }
      if texts[0].count > mostBytes { cut = .long }
    }
    if cut != nil { kill(process, SIGKILL) }
    var end = unsafe siginfo_t()
    while unsafe waitid(P_PID, id_t(process), &end, WEXITED | WNOWAIT) < 0, errno == EINTR {}
    DumpProcess.forget()
    var status: Int32 = 0
    while unsafe waitpid(process, &status, 0) < 0, errno == EINTR {}
    for descriptor in ends { close(descriptor) }
    return (texts[0], texts[1], cut ?? .exited(status))
  }
}
