// The map of a process's memory, as /proc/PID/maps gives it.
internal import Glibc

/// One line of /proc/PID/maps.
public struct Mapping: Equatable, Sendable {
  /// From the first byte to behind the last.
  public var addresses: Range<UInt64>
  public var isReadable, isExecutable: Bool
  /// Where in its file it begins.
  public var fileOffset: UInt64
  /// As the line has it, such as `fd:01`.
  public var device: String
  /// 0: it maps no file.
  public var inode: UInt64
  /// The file as it was named when it was mapped, or `[vdso]`, `[stack]`, or empty. A deleted file's
  /// name ends in ` (deleted)`.
  public var path: String

  /// A mapping made by hand, for core files and tests.
  public init(
    addresses: Range<UInt64>, isReadable: Bool, isExecutable: Bool, fileOffset: UInt64, device: String, inode: UInt64,
    path: String
  ) {
    self.addresses = addresses
    self.isReadable = isReadable
    self.isExecutable = isExecutable
    self.fileOffset = fileOffset
    self.device = device
    self.inode = inode
    self.path = path
  }

  /// nil for a line that is not as the kernel writes them.
  public init?(line: Substring) {
    let fields = line.split(separator: " ", maxSplits: 5)
    guard fields.count >= 5 else { return nil }
    let bounds = fields[0].split(separator: "-")
    guard bounds.count == 2, let low = UInt64(bounds[0], radix: 16), let high = UInt64(bounds[1], radix: 16),
      low < high, let offset = UInt64(fields[2], radix: 16), let inode = UInt64(fields[4])
    else { return nil }
    self.init(
      addresses: low..<high, isReadable: fields[1].hasPrefix("r"),
      isExecutable: fields[1].dropFirst(2).hasPrefix("x"), fileOffset: offset, device: String(fields[3]),
      inode: inode, path: fields.count < 6 ? "" : String(fields[5].drop { $0 == " " }))
  }
}

/// All mappings of a process at one moment, in the order of their addresses.
public struct MemoryMap: Sendable {
  /// In the order of their addresses.
  public var mappings: [Mapping]

  /// A map made by hand, for core files and tests.
  public init(mappings: [Mapping]) { self.mappings = mappings }

  /// The text of /proc/PID/maps; lines that make no sense are left out.
  public init(text: String) {
    mappings = text.split(separator: "\n").compactMap { Mapping(line: $0) }
  }

  /// A live process's map. Throws `InspectionError` if there is no such process or no right to see it.
  public init(processID: Int32) throws(InspectionError) {
    let path = "/proc/\(processID)/maps"
    switch ProcFile.read(path) {
    case .success(let text): self.init(text: text)
    case .failure(let error): throw .refused(processID, path: path, errno: error.errno)
    }
  }

  /// The mapping that holds an address.
  public func mapping(at address: UInt64) -> Mapping? {
    var low = 0
    var high = mappings.count
    while low < high {
      let middle = (low + high) / 2
      if mappings[middle].addresses.upperBound <= address { low = middle + 1 } else { high = middle }
    }
    guard low < mappings.count, mappings[low].addresses.contains(address) else { return nil }
    return mappings[low]
  }
}
