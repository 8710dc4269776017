// Which shared libraries a program will have: what its own loader says, asked as ldd asks it.
internal import ELFNotes
internal import Glibc

enum LoadedLibraries {
  /// More output than this is not read.
  private static let mostBytes = 1 << 20

  /// The libraries that the program at `path` names, and theirs, as they will be found with this process's
  /// environment; none if it names no loader, or that one fails. The program itself does not run.
  static func paths(ofProgram path: String) -> [String] {
    guard let loader = try? ELFNotes.interpreter(inFile: path), let listing = output(of: [loader, "--list", path])
    else { return [] }
    // "	libfibrilrt.so.1 => /usr/local/lib/libfibrilrt.so.1 (0x00007f0000000000)"
    return listing.split(separator: "\n").compactMap { line in
      guard let arrow = line.firstRange(of: " => "), let end = line.lastIndex(of: "("), arrow.upperBound < end
      else { return nil }
      let found = line[arrow.upperBound..<end].dropLast()
      return found.hasPrefix("/") ? String(found) : nil
    }
  }

  /// What a command prints to standard output; nil if it can not be run or does not end well.
  private static func output(of command: [String]) -> String? {
    var ends: [Int32] = [0, 0]
    guard unsafe pipe(&ends) == 0 else { return nil }
    for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
    let reading = ends[0]
    defer { close(reading) }
    var actions = unsafe posix_spawn_file_actions_t()
    unsafe posix_spawn_file_actions_init(&actions)
    defer { unsafe posix_spawn_file_actions_destroy(&actions) }
    unsafe posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO)
    unsafe posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0)
    var arguments = unsafe command.map { unsafe strdup($0) }
    unsafe arguments.append(nil)
    var process: pid_t = 0
    let error = unsafe posix_spawn(&process, command[0], &actions, nil, arguments, environ)
    unsafe arguments.forEach { unsafe free($0) }
    close(ends[1])
    guard error == 0 else { return nil }
    var bytes: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 4096)
    while bytes.count < mostBytes {
      let count = unsafe read(reading, &buffer, buffer.count)
      if count < 0, errno == EINTR { continue }
      guard count > 0 else { break }
      bytes += buffer.prefix(count)
    }
    if bytes.count >= mostBytes { kill(process, SIGKILL) }
    var status: Int32 = 0
    while unsafe waitpid(process, &status, 0) < 0, errno == EINTR {}
    return status == 0 ? String(decoding: bytes, as: UTF8.self) : nil
  }
}
