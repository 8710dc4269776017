// A core file's program headers and notes. What they mean is for others to say.
internal import CLibelf

/// A piece of a process's memory as a core file describes it.
public struct CoreSegment: Equatable, Sendable {
  public var address: UInt64
  /// How much of it the process had, and how much of that is in the file.
  public var memoryBytes, fileBytes: UInt64
  public var fileOffset: UInt64
  public var isReadable, isExecutable: Bool
}

/// One note of a core file.
public struct CoreNote: Equatable, Sendable {
  /// Such as `CORE` or `LINUX`.
  public var name: [UInt8]
  /// NT_*.
  public var type: UInt32
  public var descriptor: [UInt8]
}

/// The table of contents of a core file.
public struct CoreFile: Sendable {
  /// EM_*.
  public let machine: UInt16
  /// Whether it is a core file, and no program or library.
  public let isCore: Bool
  public private(set) var segments: [CoreSegment] = []
  public private(set) var notes: [CoreNote] = []

  /// A thread's notes are some kilobytes: these are hundreds of thousands of threads.
  private static let maximumNoteBytes: UInt64 = 512 << 20

  /// Throws `ELFError` where the file cannot be read or is no sound 64-bit ELF file.
  public init(path: String) throws(ELFError) {
    let file = try ELFFile(path: path)
    let header = try file.header()
    machine = header.machine
    isCore = header.type == UInt16(ET_CORE)
    for segment in try file.segments(limit: 1 << 20) {
      switch segment.type {
      case UInt32(PT_NOTE):
        notes += try file.notes(in: segment, limit: Self.maximumNoteBytes).map {
          CoreNote(name: $0.name, type: $0.type, descriptor: $0.descriptor)
        }
      case UInt32(PT_LOAD):
        segments.append(
          CoreSegment(
            address: segment.virtualAddress, memoryBytes: segment.memoryBytes, fileBytes: segment.fileBytes,
            fileOffset: segment.fileOffset, isReadable: segment.flags & UInt32(PF_R) != 0,
            isExecutable: segment.flags & UInt32(PF_X) != 0))
      default: break
      }
    }
  }
}
