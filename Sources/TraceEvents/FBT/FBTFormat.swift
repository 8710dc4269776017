// The numbers of the .fbt format, which docs/fbt.md explains.

internal import Glibc

/// What every `.fbt` file has in common.
public enum FBTFormat {
  /// The first bytes of a file. Like PNG's they show at once whether a transfer changed line ends or the eighth bit.
  static let magic: [UInt8] = [0x89, 0x46, 0x42, 0x54, 0x0D, 0x0A, 0x1A, 0x0A]
  /// Files of another major version cannot be read.
  public static let major: UInt16 = 1
  /// Files of a younger minor version can: what they have in addition is skipped.
  public static let minor: UInt16 = 0

  /// Magic, versions, length and checksum.
  static let fixedHeaderBytes = 20
  static let mostHeaderBytes = 1 << 16
  static let chunkHeaderBytes = 12
  /// No payload is longer, neither as it lies in the file nor as it comes out of zlib.
  static let mostPayloadBytes = 1 << 20
  /// A writer closes a piece that has become this long.
  static let pieceBytes = 1 << 16

  // What a recording may hold at most: whatever says more is damaged.
  static let mostProcesses = 1 << 20
  static let mostLiveProcesses = 1 << 16
  static let mostNames = 1 << 20
  static let mostNamesInAll = 1 << 22
  static let mostModules = 1 << 16
  static let mostTasks = 1 << 16
  static let mostFibrils = 1 << 21
  static let mostFrames = 1 << 10
  static let mostArguments = 16
}

/// What a chunk holds. Numbers are append-only; a retired one stays a hole.
public enum FBTChunkKind: UInt16, Sendable {
  /// The file's header, which is no chunk in the file, but goes the same way when it is written.
  case header = 0
  case clockPair = 1
  case processBegin = 2
  case modules = 3
  case snapshot = 4
  case names = 5
  case stacks = 6
  case taskBegin = 7
  case records = 8
  case taskEnd = 9
  case processEnd = 10
  case mark = 11
  case totals = 12
}

/// Flags of a chunk. One with a flag that a reader does not know is skipped.
struct FBTChunkFlags: OptionSet {
  var rawValue: UInt16
  /// The payload is a u32, the length of what was compressed, and a zlib stream.
  static let zlib = FBTChunkFlags(rawValue: 1)
}

/// Why a `.fbt` file could not be read at all.
public enum FBTError: Error, Equatable, Sendable, CustomStringConvertible {
  /// It does not begin as a `.fbt` file does.
  case notFBT
  /// It ends within its header, or the header's checksum is wrong.
  case damagedHeader
  /// It is of a major version that this program does not know.
  case unknownVersion(major: UInt16)
  /// The system could not read it, with this errno.
  case cannotRead(errno: Int32)

  /// Cause, and a remedy where there is one.
  public var description: String {
    switch self {
    case .notFBT: "it is no .fbt file; `fibril trace -o FILE.fbt` writes one"
    case .damagedHeader: "its header is damaged or cut; nothing can be read from it"
    case .unknownVersion(let major):
      """
      it has version \(major) of the .fbt format, and this program knows version \(FBTFormat.major); \
      use the fibril that wrote it, or a newer one
      """
    case .cannotRead(let errno): unsafe String(cString: strerror(errno))
    }
  }
}

/// How the reading of a `.fbt` file ended.
public enum FBTEnding: Equatable, Sendable {
  /// It ends as its writer ended it.
  case complete
  /// It ends without its last chunk. What lies before `offset`, in bytes, was read; `excess` more were there.
  case cut(offset: UInt64, excess: UInt64)
  /// At `offset`, in bytes, it goes on in a way that no writer writes. What lies before was read.
  case damaged(offset: UInt64, cause: String)
}
