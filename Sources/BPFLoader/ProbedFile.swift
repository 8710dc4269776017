// Which files of a process hold fibril's probes, and whether those may be attached to.
public import ELFNotes
internal import Glibc
public import TraceEvents

/// A file with sites of probes, held open: the process that has mapped it may end before it is attached to.
public struct ProbedFile: Sendable {
  /// A name under which this process found it, not the process's own.
  public let path: String
  private let file: OpenedFile
  /// Where the probe fires.
  public let sites: [ProbeSite]

  /// The name to attach by.
  var openPath: String { "/proc/self/fd/\(file.descriptor)" }

  static let provider = "fibril"
  /// The probe that carries records.
  static let batch = "batch"
  /// The probe that tells where a task's buffer lies.
  static let taskStart = "task_start"

  /// Device and inode: the same file under any name.
  struct Identity: Hashable {
    var device, inode: UInt64
  }
  let identity: Identity

  /// What a file's probes are wanted for.
  public enum Use: Sendable {
    /// Whole buffers of records: the probe `batch`, and `task_start`, which tells where a task's buffer lies.
    case batches
    /// Single events, by all other probes.
    case events
  }

  /// The program at `path`, or else the shared libraries it will have, for a process that is about to
  /// execute it; never none.
  ///
  /// Throws `BPFError` if it cannot be read, has no probes or unsafe ones.
  public static func all(ofProgram path: String, for use: Use = .batches) throws(BPFError) -> [ProbedFile] {
    let action = "trace \(path)"
    let sites: [ProbeSite]
    do {
      sites = try Self.sites(path, use)
    } catch {
      throw BPFError(action, cause: "\(error)")
    }
    guard sites.isEmpty else { return [try ProbedFile(path: path, sites: sites, action)] }
    var files: [ProbedFile] = []
    for library in LoadedLibraries.paths(ofProgram: path) {
      guard let sites = try? Self.sites(library, use), !sites.isEmpty else { continue }
      try files.append(ProbedFile(path: library, sites: sites, action))
    }
    guard !files.isEmpty else { throw noProbes(action) }
    return files
  }

  /// The files that a process has mapped for execution and that hold the probes; never none.
  ///
  /// Deleted files and those of another mount namespace are found too. Throws `BPFError` if there
  /// is none, if its probes are unsafe, or if the process may not be looked into.
  public static func all(of process: ProcessFolder, for use: Use = .batches) throws(BPFError) -> [ProbedFile] {
    var seenFiles = SeenFiles()
    return try all(of: process, for: use, &seenFiles)
  }

  /// The same, for many processes: most have the same files.
  static func all(
    of process: ProcessFolder, for use: Use = .batches, _ seenFiles: inout SeenFiles
  ) throws(BPFError) -> [ProbedFile] {
    let action = "attach to process \(process.processID)"
    errno = 0
    guard let maps = contentsOfProcFile(process.path + "/maps", limit: 1 << 26) else {
      if errno != 0 { throw BPFError(action, errno: errno) }
      throw BPFError(
        action, cause: "it has no memory: it is a thread of the kernel, or about to end",
        remedy: "`fibril list` shows those that can be traced")
    }
    var seen: Set<Substring> = []
    var files: [ProbedFile] = []
    var unsound: ELFError?
    var refused = false
    for mapping in maps.split(separator: "\n").compactMap({ ExecutableMapping($0) }) {
      guard seen.insert(mapping.file).inserted else { continue }
      errno = 0
      guard let path = mapping.openablePath(in: process) else {
        // CAP_PERFMON alone reads the mappings of a process whose files it may not open.
        refused = refused || errno == EACCES || errno == EPERM
        continue
      }
      let sites = seenFiles.sites(of: mapping) {
        do throws(ELFError) {
          return try Self.sites(path, use)
        } catch {
          // Whatever else is mapped, and may be no ELF file, is not the concern here.
          if case .unsoundProbe = error { unsound = error }
          return []
        }
      }
      guard !sites.isEmpty else { continue }
      do throws(BPFError) {
        try files.append(ProbedFile(path: path, sites: sites, action))
      } catch {
        // Its files go with it.
        if ProcessFolder(processID: process.processID) == nil { throw BPFError.noSuchProcess(process.processID) }
        throw error
      }
    }
    if files.isEmpty, let unsound { throw BPFError(action, cause: "\(unsound)") }
    if files.isEmpty, refused { throw BPFError(action, errno: EACCES) }
    guard !files.isEmpty else { throw noProbes(action) }
    return files
  }

  /// The arguments lie where the machine's calling convention puts them, and nowhere else.
  var argumentsAreInCallingOrder: Bool {
    sites.allSatisfy { site in
      let places = site.arguments.split(separator: " ").map { $0.hasPrefix("-") ? $0.dropFirst() : $0 }
      return places.elementsEqual(Self.callingOrder.prefix(places.count), by: ==)
    }
  }

  private init(path: String, sites: [ProbeSite], _ action: String) throws(BPFError) {
    self.path = path
    self.sites = sites
    file = OpenedFile(path)
    let descriptor = file.descriptor
    guard descriptor >= 0 else { throw BPFError(action, errno: errno, detail: path) }
    var status = stat()
    guard unsafe fstat(descriptor, &status) == 0 else { throw BPFError(action, errno: errno, detail: path) }
    identity = Identity(device: UInt64(status.st_dev), inode: UInt64(status.st_ino))
    for site in sites {
      let length = Self.emptyInstruction.count
      var bytes = [UInt8](repeating: 0, count: length)
      let count = unsafe pread(descriptor, &bytes, length, Int(truncatingIfNeeded: site.fileOffset))
      // From Linux 6.18 on a longer nop of x86 is patched into a call, which overwrites the red zone.
      guard count == length, bytes == Self.emptyInstruction else {
        throw BPFError(
          action, cause: "the probe at offset \(site.fileOffset) of \(path) is no \(length)-byte nop, which is unsafe",
          remedy: "rebuild it with the probe sites of the Fibril library or of fibril_probes.h")
      }
    }
  }

  private static func sites(_ path: String, _ use: Use) throws(ELFError) -> [ProbeSite] {
    let sites = try ELFNotes.probeSites(inFile: path, provider: provider)
    guard use == .batches else { return sites.filter { $0.name != batch } }
    guard sites.contains(where: { $0.name == batch }) else { return [] }
    return sites.filter { $0.name == batch || $0.name == taskStart }
  }

  private static func noProbes(_ action: String) -> BPFError {
    BPFError(
      action, cause: "the binary has no fibril probes", remedy: "link the Fibril library or include fibril_probes.h")
  }

  #if arch(arm64)
    private static let callingOrder: [Substring] = ["8@x0", "8@x1", "8@x2", "8@x3", "8@x4", "8@x5"]
    private static let emptyInstruction: [UInt8] = [0x1f, 0x20, 0x03, 0xd5]
  #else
    private static let callingOrder: [Substring] = ["8@%rdi", "8@%rsi", "8@%rdx", "8@%rcx", "8@%r8", "8@%r9"]
    private static let emptyInstruction: [UInt8] = [0x90]
  #endif
}

/// A descriptor that is closed with its last user.
private final class OpenedFile: Sendable {
  /// Negative if the file could not be opened.
  let descriptor: Int32

  init(_ path: String) { descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC) }
  deinit { if descriptor >= 0 { close(descriptor) } }
}

/// What files were found to hold, by their inodes and paths.
struct SeenFiles {
  private var sites: [String: [ProbeSite]] = [:]
  /// Forgotten, all of them, when there are more.
  private static let most = 4096

  fileprivate mutating func sites(of mapping: ExecutableMapping, read: () -> [ProbeSite]) -> [ProbeSite] {
    let key = "\(mapping.file) \(mapping.path)"
    if let known = sites[key] { return known }
    if sites.count == Self.most { sites = [:] }
    let found = read()
    sites[key] = found
    return found
  }
}

/// A line of /proc/PID/maps that maps a file for execution.
struct ExecutableMapping {
  /// `START-END`, in the kernel's own spelling.
  let range: Substring
  /// Device and inode.
  let file: Substring
  let path: Substring
  /// Where in the file it begins, in hexadecimal.
  let offset: Substring

  init?(_ line: Substring) {
    // "55e0a000-55e0b000 r-xp 00001000 fe:01 1234    /path with spaces"
    let fields = line.split(separator: " ", maxSplits: 5)
    guard fields.count == 6, fields[1].contains("x"), fields[4] != "0" else { return nil }
    range = fields[0]
    offset = fields[2]
    file = line[fields[3].startIndex..<fields[4].endIndex]
    path = fields[5].drop { $0 == " " }
    guard path.hasPrefix("/") else { return nil }
  }

  /// A name under which the file opens although it may be deleted or lie in another mount namespace.
  func openablePath(in process: ProcessFolder) -> String? {
    let executable = process.path + "/exe"
    if let target = targetOfProcLink(executable), target == path { return executable }
    // map_files needs CAP_CHECKPOINT_RESTORE.
    return ["/map_files/\(range)", "/root\(path)"].map { process.path + $0 }
      .first { unsafe access($0, R_OK) == 0 }
  }
}
