// What the file system holds of a live process beside its modules: its root, and its own list of the code
// that it made at run time.

/// A list of names of code, and the user that may have written it.
public struct CodeNames: Equatable, Sendable {
  public var path: String
  public var userID: UInt32
}

extension InspectedProcess {
  /// Folders that may stand for `/` as the process sees it.
  public var roots: [String] { [""] }
  /// Its perf map, if there can be one.
  public var codeNames: CodeNames? { nil }
  /// What is to be known before its fibrils are looked at, a sentence each.
  public var remarks: [String] { [] }
}

extension ProcessInspector {
  /// The process's own root, and this tool's.
  public var roots: [String] { ["/proc/\(processID)/root", ""] }

  /// /tmp/perf-PID.map in its own mount namespace, under the id that it knows of itself.
  public var codeNames: CodeNames? {
    guard let user = Self.userID(ofProcess: processID),
      case .success(let status) = ProcFile.read("/proc/\(processID)/status"),
      let line = status.split(separator: "\n").first(where: { $0.hasPrefix("NSpid:") }),
      let ownID = line.split(whereSeparator: \.isWhitespace).last
    else { return nil }
    return CodeNames(path: "/proc/\(processID)/root/tmp/perf-\(ownID).map", userID: user)
  }

  /// Modules whose files are not to be had.
  public var remarks: [String] {
    modules.filter { $0.file.isEmpty }.map {
      "the file that \($0.name) was is not to be had: its functions have no names, and their rules are not known"
    }
  }
}

extension FrozenProcess {
  /// The process's own root, and this tool's.
  public var roots: [String] { process.roots }
  /// As the process goes on to write it.
  public var codeNames: CodeNames? { process.codeNames }
  /// Modules whose files are not to be had.
  public var remarks: [String] { process.remarks }
}
