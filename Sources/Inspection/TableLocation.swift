// Where a live process keeps its fibril table: the module with the table's note, as it is loaded.
internal import ELFNotes
internal import Glibc

/// A file that a process has mapped, and where.
public struct Module: Equatable, Sendable {
  /// As it was called when it was mapped.
  public var name: String
  /// Where this process can open the very file, even if it is deleted or in another mount namespace;
  /// empty where it cannot.
  public var file: String
  /// The address of the file's first byte in the process.
  public var base: UInt64
  /// Device and inode, as a text.
  public var identity: String
  /// From the first to the last mapping.
  public var addresses: Range<UInt64>
}

extension MemoryMap {
  /// The files that hold code, in the order of their addresses.
  func modules(ofProcess process: Int32, _ memory: some MemoryReader) -> [Module] {
    var modules: [Module] = []
    var isFirst: [String: Int] = [:]
    var hasCode: Set<Int> = []
    for mapping in mappings where mapping.inode != 0 {
      let key = "\(mapping.device) \(mapping.inode)"
      if mapping.fileOffset == 0, isFirst[key] == nil || hasCode.contains(isFirst[key]!) == false {
        isFirst[key] = modules.count
        modules.append(
          Module(
            name: mapping.path, file: Self.file(of: mapping, process, memory), base: mapping.addresses.lowerBound,
            identity: key,
            addresses: mapping.addresses))
      }
      guard let index = isFirst[key] else { continue }
      modules[index].addresses = modules[index].addresses.lowerBound..<mapping.addresses.upperBound
      if mapping.isExecutable { hasCode.insert(index) }
    }
    return modules.indices.filter { hasCode.contains($0) }.map { modules[$0] }
  }

  /// /proc/PID/map_files leads to the mapped file itself but wants CAP_CHECKPOINT_RESTORE; the other
  /// ways are right if they lead to the same inode. Some file systems give maps other numbers: there
  /// what the process has in its memory tells.
  private static func file(of mapping: Mapping, _ process: Int32, _ memory: some MemoryReader) -> String {
    let bounds = mapping.addresses
    let named = "/proc/\(process)/root\(mapping.path)"
    let ways = [
      "/proc/\(process)/map_files/\(String(bounds.lowerBound, radix: 16))-\(String(bounds.upperBound, radix: 16))",
      "/proc/\(process)/exe", named,
    ]
    if let same = ways.first(where: { inode($0) == mapping.inode }) { return same }
    return ModuleImage(of: bounds, memory)?.isBeginning(ofFile: named) == true ? named : ""
  }

  private static func inode(_ path: String) -> UInt64? {
    var status = stat()
    return unsafe stat(path, &status) == 0 ? UInt64(status.st_ino) : nil
  }

}

/// Where files keep their fibril tables. What was looked up is kept: many processes share files.
public final class TableNotes {
  /// Distances from a file's first byte to its table, by device and inode.
  private var distances: [String: UInt64?] = [:]

  /// Knows nothing yet.
  public init() {}

  /// The address of `struct fibril_root` in each module that has a table. Files that cannot be read
  /// as ELF files are passed over: a process maps what it likes.
  func roots(in modules: [Module], _ memory: some MemoryReader) -> [UInt64] {
    modules.compactMap { module in
      let distance = distances[module.identity] ?? Self.distance(in: module, memory)
      distances[module.identity] = .some(distance)
      return distance.map { $0 &+ module.base }
    }
  }

  /// The note lies behind the program headers, so the process's memory has it too.
  private static func distance(in module: Module, _ memory: some MemoryReader) -> UInt64? {
    if !module.file.isEmpty { return ModuleImage.tableDistance(inFile: module.file) }
    return ModuleImage(of: module.addresses, memory)?.tableDistance
  }
}
