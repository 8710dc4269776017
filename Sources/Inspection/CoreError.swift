// Why a core file's fibrils could not be read.
public import ELFNotes

/// Why a core file's fibrils could not be read. Every text says what to do.
public enum CoreError: Error, Equatable, Sendable, CustomStringConvertible {
  case unreadable(ELFError)
  /// Some other file, such as a program or a library.
  case notCore(path: String)
  /// Of another kind of processor.
  case otherMachine(path: String, machine: UInt16)
  /// `missing` bytes lie behind the file's end.
  case cutOff(path: String, missing: UInt64, detail: String)
  /// There is no fibril table in it, and `detail` says what else is missing.
  case noTable(path: String, detail: String)
  /// The table is there, but `detail` is not as its contract says.
  case damagedTable(path: String, detail: String)
  /// The program is not the one that left the core file.
  case otherProgram(path: String, program: String, detail: String)

  /// Action, object, cause and remedy.
  public var description: String {
    switch self {
    case .unreadable(let error): "\(error)"
    case .notCore(let path):
      "cannot inspect \(path): it is no core file; name the one that the program has left, not the program"
    case .otherMachine(let path, let machine):
      """
      cannot inspect \(path): it comes from another kind of processor (ELF machine \(machine)); inspect it on such \
      a machine
      """
    case .cutOff(let path, let missing, let detail):
      """
      cannot inspect \(path): it is cut off, \(missing) bytes are missing, and with them \(detail); raise the limit \
      (ulimit -c unlimited) or the space on the disk, and take it again
      """
    case .noTable(let path, let detail):
      "cannot inspect \(path): there is no fibril table in it; \(detail)"
    case .damagedTable(let path, let detail):
      "cannot inspect \(path): \(detail); its memory is damaged, or its runtime is newer than this tool"
    case .otherProgram(let path, let program, let detail):
      "cannot inspect \(path) with \(program): \(detail); name the very program that left the core file"
    }
  }
}
