// A file whose code a process runs, as the symbolizer is told of it.

/// One file whose code a process runs.
public struct SymbolModule: Sendable {
  /// A file by its path, or an open one.
  public enum Source: Sendable {
    case file(String)
    /// An open file without a name, such as a copy of the vdso. The symbolizer closes it.
    case descriptor(Int32)
    /// Nobody has the file: its name and place are all there is.
    case none
  }

  /// What it is called, such as `/usr/lib/libc.so.6` or `[vdso]`.
  public var name: String
  /// Where its bytes are to be had.
  public var source: Source
  /// Where its first byte lies in the process.
  public var base: UInt64
  /// From its first byte in the process to behind its last.
  public var addresses: Range<UInt64>
  /// Folders that may stand for `/` as the process sees it: where its debug files are looked for.
  public var roots: [String]

  /// A module that lies at `base`.
  public init(name: String, source: Source, base: UInt64, addresses: Range<UInt64>, roots: [String] = [""]) {
    self.name = name
    self.source = source
    self.base = base
    self.addresses = addresses
    self.roots = roots
  }
}

/// A function that holds an address.
public struct Symbol: Equatable, Sendable {
  /// Readable: Swift and C++ names are demangled, in short.
  public var name: String
  /// As the linker knows it.
  public var linkageName: String
  public var address, size: UInt64

  /// Of a name as the linker knows it.
  public init(linkageName: String, address: UInt64, size: UInt64) {
    name = Demangling.readable(linkageName)
    self.linkageName = linkageName
    self.address = address
    self.size = size
  }

  /// With modules, types and return values.
  public var fullName: String { Demangling.complete(linkageName) }
}

/// A line of source code.
public struct SourceLine: Equatable, Sendable {
  /// The file's name without its folders.
  public var file: String
  /// From 1.
  public var line: Int

  /// A line of a file.
  public init(file: String, line: Int) {
    self.file = file
    self.line = line
  }
}

/// A function whose code the compiler put into its caller's.
public struct InlinedCall: Equatable, Sendable {
  /// Readable: Swift and C++ names are demangled, in short.
  public var name: String
  /// As the linker would know it.
  public var linkageName: String
  /// The line in it that is under way; nil if nobody knows.
  public var line: SourceLine?

  /// With modules, types and return values.
  public var fullName: String { Demangling.complete(linkageName) }
}

/// What the debug information says of an address.
public struct SourcePlace: Equatable, Sendable {
  /// Calls that have no frames of their own, the innermost first.
  public var inlined: [InlinedCall]
  /// The line of the function that the frame belongs to; nil if nobody knows.
  public var line: SourceLine?
}
