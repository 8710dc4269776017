// Where /proc shows a process's files, whatever has become of its main thread.
internal import Glibc

/// The folder under /proc of a process that may be hostile and may end at any time.
public struct ProcessFolder: Sendable {
  /// The process, not one of its threads.
  public let processID: Int32
  /// Nothing of /proc/PID but its threads is left when the main thread has exited before the
  /// others: then this is the folder of one of those.
  public let path: String
  /// A thread that has not exited: by its id the kernel finds the process's address space.
  public let livingThreadID: Int32
  /// The main thread has exited, so the kernel finds no address space by the process's id.
  public var mainThreadHasExited: Bool { livingThreadID != processID }
  /// The process's id as it sees it itself, inside its PID namespace.
  public let innerProcessID: Int32

  /// False from the moment at which the process begins to end.
  public var runsAProgram: Bool { targetOfProcLink(path + "/exe") != nil }

  /// Nil if there is no such process. The id of a thread stands for its process.
  public init?(processID: Int32) {
    guard processID > 0, let status = Self.status("/proc/\(processID)/status"),
      let group = status["Tgid"].flatMap({ Int32($0) })
    else { return nil }
    self.processID = group
    let leader = group == processID ? status : Self.status("/proc/\(group)/status") ?? [:]
    innerProcessID = leader["NSpid"]?.split(separator: "\t").last.flatMap { Int32($0) } ?? group
    guard Self.hasExited(leader) else {
      livingThreadID = group
      path = "/proc/\(group)"
      return
    }
    let living = directoryEntries("/proc/\(group)/task", limit: 4096).compactMap { Int32($0) }.first { thread in
      Self.status("/proc/\(group)/task/\(thread)/status").map { !Self.hasExited($0) } ?? false
    }
    guard let living else { return nil }
    livingThreadID = living
    path = "/proc/\(group)/task/\(living)"
  }

  private static func hasExited(_ status: [String: String]) -> Bool {
    status["State"].map { $0.hasPrefix("Z") || $0.hasPrefix("X") } ?? true
  }

  private static func status(_ path: String) -> [String: String]? {
    guard let text = contentsOfProcFile(path, limit: 1 << 16) else { return nil }
    var fields: [String: String] = [:]
    for line in text.split(separator: "\n") {
      guard let colon = line.firstIndex(of: ":") else { continue }
      fields[String(line[..<colon])] = String(line[line.index(after: colon)...].drop { $0 == "\t" || $0 == " " })
    }
    return fields
  }
}

/// The names in a folder but `.` and `..`, at most `limit` of them; none if it cannot be read.
public func directoryEntries(_ path: String, limit: Int) -> [String] {
  guard let folder = unsafe opendir(path) else { return [] }
  defer { unsafe _ = closedir(folder) }
  var names: [String] = []
  while names.count < limit, let entry = unsafe readdir(folder) {
    // The kernel ends every name with a NUL inside d_name.
    let name = unsafe withUnsafePointer(to: &entry.pointee.d_name) { pointer in
      unsafe pointer.withMemoryRebound(to: CChar.self, capacity: 256) { unsafe String(cString: $0) }
    }
    if name != "." && name != ".." { names.append(name) }
  }
  return names
}

/// A file of /proc as text, cut at `limit` bytes; nil with `errno` if it cannot be read.
public func contentsOfProcFile(_ path: String, limit: Int) -> String? {
  let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC)
  guard descriptor >= 0 else { return nil }
  defer { close(descriptor) }
  var bytes: [UInt8] = []
  while bytes.count < limit {
    let part = unsafe [UInt8](unsafeUninitializedCapacity: 1 << 16) { buffer, count in
      count = unsafe max(0, read(descriptor, buffer.baseAddress, buffer.count))
    }
    if part.isEmpty { break }
    bytes += part
  }
  return bytes.isEmpty ? nil : String(decoding: bytes.prefix(limit), as: UTF8.self)
}

/// Where a link of /proc points to; nil with `errno` if it cannot be read.
public func targetOfProcLink(_ path: String) -> String? {
  var length = 0
  let bytes = unsafe [UInt8](unsafeUninitializedCapacity: Int(PATH_MAX)) { buffer, count in
    length = unsafe buffer.withMemoryRebound(to: CChar.self) { unsafe readlink(path, $0.baseAddress!, $0.count) }
    count = max(0, length)
  }
  return length < 0 ? nil : String(decoding: bytes, as: UTF8.self)
}
